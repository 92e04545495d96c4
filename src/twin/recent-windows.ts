import type { BalanceFigures } from "../model/balance-beside.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import { WindowTotals, ratio } from "./window-totals.ts";

const LATEST_MS = 10_000;

type KeptWindow = Omit<PoolWindow, "routing" | "exchange">;

/** What the windows of the last ten seconds come to. */
export class RecentWindows {
  readonly #gpus: number;
  #windows: KeptWindow[] = [];

  constructor(gpus: number) {
    this.#gpus = gpus;
  }

  add({ routing: _routing, exchange: _exchange, ...window }: PoolWindow): void {
    const kept = [...this.#windows, window];
    let spanMs = kept.reduce((sum, one) => sum + one.spanMs, 0);
    while (kept.length > 1 && spanMs - kept[0].spanMs >= LATEST_MS) spanMs -= kept.splice(0, 1)[0].spanMs;
    this.#windows = kept;
  }

  get steps(): number {
    return this.#windows.reduce((sum, { steps }) => sum + steps, 0);
  }

  get figures(): BalanceFigures {
    const total = new WindowTotals();
    const perGpu = new Float64Array(this.#gpus);
    let serving = 0;
    for (const window of this.#windows) {
      total.add(window);
      serving = window.serving.length;
      for (let i = 0; i < window.gpuLoad.length; i++) perGpu[i % this.#gpus] += window.gpuLoad[i];
    }
    const all = perGpu.reduce((sum, one) => sum + one, 0);
    return {
      balancedness: total.balancedness,
      fullestGpu: ratio(Math.max(...perGpu) * serving, all),
      hopsPerToken: total.hopsPerToken,
      nodeHopsPerToken: total.nodeHopsPerToken,
      stepMs: total.meanStepMs,
    };
  }
}
