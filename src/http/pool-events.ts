import type { ControlledPool } from "../control/controlled-pool.ts";
import type { PoolView } from "../control/follow/pool-view.ts";
import { SimulationEvents } from "./simulation-events.ts";

const REPORTS_REMEMBERED = 300;

interface PastReport {
  readonly view: PoolView;
  /** JSON, without its large parts: a new reader does not wait until 300 of them are encoded. */
  readonly text: string;
}

/** What the pools of a gateway publish, as events. Which pools these are changes with each reload. */
export class PoolEvents {
  readonly #send: (event: string, data: unknown) => void;
  /** With the ways to stop listening. */
  readonly #followed = new Map<PoolView, readonly (() => void)[]>();
  readonly #simulations: SimulationEvents;
  #past: PastReport[] = [];

  constructor(send: (event: string, data: unknown) => void) {
    this.#send = send;
    this.#simulations = new SimulationEvents(send);
  }

  /** Goes on with these. Pools that are new begin with the epochs they have had; of the others it sends that they are gone. */
  follow(pools: readonly ControlledPool[]): void {
    const views = pools.map(({ loop }) => loop.view);
    const gone = [...this.#followed.keys()].filter((view) => !views.includes(view));
    for (const view of gone) {
      this.#end(view);
      this.#past = this.#past.filter((report) => report.view !== view);
      this.#send("gone", { pool: view.pool });
    }
    for (const view of views) if (!this.#followed.has(view)) this.#begin(view);
    this.#simulations.follow(pools);
  }

  /** Sends nothing more. */
  stop(): void {
    for (const view of this.#followed.keys()) this.#end(view);
    this.#simulations.stop();
  }

  /** The event `history`: `{ epochs, reports }`, each the oldest first, and `simulations` as they are now. */
  get history(): string {
    const epochs = JSON.stringify([...this.#followed.keys()].flatMap((view) => view.epochs));
    const reports = this.#past.map(({ text }) => text).join(",");
    const simulations = JSON.stringify(this.#simulations.reports);
    return `{"epochs":${epochs},"reports":[${reports}],"simulations":${simulations}}`;
  }

  #end(view: PoolView): void {
    for (const stop of this.#followed.get(view) ?? []) stop();
    this.#followed.delete(view);
  }

  #begin(view: PoolView): void {
    for (const epoch of view.epochs) this.#send("epoch", epoch);
    this.#followed.set(view, [
      view.onReport(({ explanation: _explanation, ...report }) => {
        this.#send("report", report);
        const { expertLoad: _expertLoad, layerNumbers: _layerNumbers, ...rest } = report;
        this.#past.push({ view, text: JSON.stringify(rest) });
        if (this.#past.length > REPORTS_REMEMBERED) this.#past.shift();
      }),
      view.onSnapshot(({ pool, epoch, change }) => this.#send("epoch", { pool, epoch, ...change })),
    ]);
  }
}
