import type { ControlLoop } from "../control/control-loop.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { PoolReport } from "../model/pool-report.ts";
import { PoolNews } from "./pool-news.ts";
import { SimulationEvents } from "./simulation-events.ts";

const REPORTS_REMEMBERED = 300;

interface PastReport {
  readonly pool: string;
  /** JSON: a new reader does not wait until 300 of them are encoded. */
  readonly text: string;
}

interface Followed {
  readonly loop: ControlLoop;
  readonly news: PoolNews;
  /** The last, whole. */
  readonly report: () => PoolReport | null;
  readonly stop: () => void;
}

/** What the pools of a gateway publish, as events. Which pools these are changes with each reload. */
export class PoolEvents {
  readonly #send: (event: string, data: unknown) => void;
  /** By the view, which outlives its control loop. */
  readonly #followed = new Map<ControlLoop["view"], Followed>();
  readonly #simulations: SimulationEvents;
  #past: PastReport[] = [];

  constructor(send: (event: string, data: unknown) => void) {
    this.#send = send;
    this.#simulations = new SimulationEvents(send);
  }

  /** Goes on with these. Pools that are new begin with the epochs they have had; of the others it sends that they are gone. */
  follow(pools: readonly ControlledPool[]): void {
    for (const [view, { loop }] of this.#followed) {
      if (pools.some((other) => other.loop.view === view)) continue;
      this.#end(view);
      this.#past = this.#past.filter(({ pool }) => pool !== loop.pool);
      this.#send("gone", { pool: loop.pool });
    }
    for (const pool of pools) {
      const { loop } = pool;
      const known = this.#followed.get(loop.view);
      if (known?.loop === loop) {
        known.news.look();
        continue;
      }
      // Another loop goes on with the same view: what its pool has had was said.
      if (known === undefined) for (const epoch of loop.view.epochs) this.#send("epoch", epoch);
      else this.#end(loop.view);
      this.#begin(pool);
    }
    this.#simulations.follow(pools);
  }

  /** Sends the states that are others than a moment ago; to be called again and again. */
  look(): void {
    for (const { news } of this.#followed.values()) news.lookAtState();
  }

  /** Sends nothing more. */
  stop(): void {
    for (const view of this.#followed.keys()) this.#end(view);
    this.#simulations.stop();
  }

  /**
   * The event `history`: `{ epochs, reports, latest, states, decisions }`, each the oldest first, and `simulations` as
   * they are now. `latest` are the last reports, whole; `reports` lack what is large.
   */
  get history(): string {
    const followed = [...this.#followed.values()];
    const now = JSON.stringify({
      epochs: followed.flatMap(({ loop }) => loop.view.epochs),
      latest: followed.flatMap(({ report }) => report() ?? []),
      states: followed.map(({ news }) => news.state),
      decisions: followed.map(({ loop, news }) => ({ pool: loop.pool, decisions: news.decisions })),
      simulations: this.#simulations.reports,
    });
    return `${now.slice(0, -1)},"reports":[${this.#past.map(({ text }) => text).join(",")}]}`;
  }

  #end(view: ControlLoop["view"]): void {
    this.#followed.get(view)?.stop();
    this.#followed.delete(view);
  }

  #begin(controlled: ControlledPool): void {
    const { loop } = controlled;
    const { view, pool } = loop;
    const news = new PoolNews(controlled, this.#send);
    const stops = [
      () => news.stop(),
      view.onReport((report) => {
        this.#send("report", report);
        this.#past.push({ pool, text: JSON.stringify(pastReport(report)) });
        if (this.#past.length > REPORTS_REMEMBERED) this.#past.shift();
      }),
      view.onSnapshot(({ epoch, change }) => this.#send("epoch", { pool, epoch, ...change })),
    ];
    this.#followed.set(view, {
      loop,
      news,
      report: () => view.report,
      stop: () => {
        for (const stop of stops) stop();
      },
    });
  }
}

/** What stays of it, so that a new reader does not wait for what it cannot show. */
function pastReport(report: PoolReport): object {
  const { pool, atMs, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs } = report;
  return { pool, atMs, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs };
}
