import type { Admission } from "../admission/admission.ts";
import type { Localities } from "../locality/localities.ts";
import type { ServingPool } from "../serving-pool.ts";
import { type GatewayBoard, SHARE_EVERY_MS } from "./gateway-board.ts";
import { ownCounts, setOthers } from "./shared-counts.ts";

/** Keeps a process that serves by itself in step with the other gateways. */
export class GatewaySharer {
  readonly #board: GatewayBoard;
  readonly #admission: Admission;
  readonly #pools: () => readonly ServingPool[];
  readonly #localities: Localities;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(
    board: GatewayBoard,
    admission: Admission,
    pools: () => readonly ServingPool[],
    localities: Localities,
  ) {
    this.#localities = localities;
    this.#board = board;
    this.#admission = admission;
    this.#pools = pools;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#share(), SHARE_EVERY_MS);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #share(): Promise<void> {
    const reported = this.#pools();
    this.#board.report(this.#admission.usage(), reported, ownCounts(reported), this.#localities.moved());
    await this.#board.exchange();
    if (this.#stopped) return;
    this.#admission.others(this.#board.takeUsage());
    this.#localities.setMoved(this.#board.moved);
    // A reload may have happened meanwhile.
    const pools = this.#pools();
    setOthers(pools, this.#board.shardsOf(pools));
    this.start();
  }
}
