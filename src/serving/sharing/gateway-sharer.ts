import type { Admission } from "../admission/admission.ts";
import type { ServingPool } from "../serving-pool.ts";
import { type GatewayBoard, SHARE_EVERY_MS } from "./gateway-board.ts";
import { SharedCounts } from "./shared-counts.ts";

/** Keeps a process that serves by itself in step with the other gateways. */
export class GatewaySharer {
  readonly #board: GatewayBoard;
  readonly #admission: Admission;
  readonly #pools: () => readonly ServingPool[];
  readonly #counts = new SharedCounts();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(board: GatewayBoard, admission: Admission, pools: () => readonly ServingPool[]) {
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
    const told = this.#pools();
    this.#board.tell(this.#admission.usage(), told, this.#counts.own(told));
    await this.#board.exchange();
    if (this.#stopped) return;
    this.#admission.others(this.#board.takeUsage());
    // A reload may have come in between.
    const pools = this.#pools();
    this.#counts.others(pools, this.#board.shardsOf(pools));
    this.start();
  }
}
