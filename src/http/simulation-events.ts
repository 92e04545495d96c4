import type { ControlledPool } from "../control/controlled-pool.ts";
import type { SimulationState } from "../model/simulation.ts";

/** What a simulated pool is, in the event stream. */
type SimulationReport = { readonly pool: string } & SimulationState;

/** What is done to the simulated pools of a gateway, as events. */
export class SimulationEvents {
  readonly #send: (event: string, data: unknown) => void;
  /** With the ways to stop listening. */
  readonly #followed = new Map<ControlledPool, () => void>();

  constructor(send: (event: string, data: unknown) => void) {
    this.#send = send;
  }

  /** Goes on with these. */
  follow(pools: readonly ControlledPool[]): void {
    for (const [pool, stop] of this.#followed) {
      if (pools.includes(pool)) continue;
      stop();
      this.#followed.delete(pool);
    }
    for (const pool of pools) if (!this.#followed.has(pool)) this.#begin(pool);
  }

  /** Sends nothing more. */
  stop(): void {
    this.follow([]);
  }

  get reports(): readonly SimulationReport[] {
    return [...this.#followed.keys()].flatMap(reportOf);
  }

  #begin(pool: ControlledPool): void {
    let said = "";
    const tell = () => {
      for (const report of reportOf(pool)) {
        const text = JSON.stringify(report);
        if (text !== said) this.#send("simulation", report);
        said = text;
      }
    };
    const stopChanges = pool.simulation?.onChange(tell);
    if (stopChanges === undefined) return;
    // Its traffic begins without a change that anybody made.
    const stopReports = pool.loop.view.onReport(tell);
    const stop = () => {
      stopChanges();
      stopReports();
    };
    this.#followed.set(pool, stop);
    tell();
  }
}

function reportOf({ loop, simulation }: ControlledPool): readonly SimulationReport[] {
  return simulation === null ? [] : [{ pool: loop.pool, ...simulation.state }];
}
