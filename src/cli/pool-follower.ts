import type { OpenPool } from "../pools/open-pool.ts";
import type { NowAndStart, PoolFacts } from "./live-summary.ts";

/** A second of light traffic says little: figures are means over this many reports. */
const MEAN_REPORTS = 5;

/** What became of a pool over a run. */
export type PoolRun = Omit<PoolFacts, "dashboardUrl">;

/** Follows a pool's reports, and remembers how it began. */
export class PoolFollower {
  readonly #pool: OpenPool;
  readonly #balancedness = new Course();
  readonly #nodeHops = new Course();
  readonly close: () => void;

  constructor(pool: OpenPool) {
    this.#pool = pool;
    const follow = pool.controlled?.loop.view.onReport(({ balancedness, nodeHopsPerToken }) => {
      this.#balancedness.add(balancedness);
      this.#nodeHops.add(nodeHopsPerToken);
    });
    this.close = follow ?? (() => {});
  }

  current(): PoolRun {
    const report = this.#pool.controlled?.loop.view.report ?? null;
    return {
      balancedness: this.#balancedness.nowAndStart(),
      nodeHopsPerToken: this.#nodeHops.nowAndStart(),
      epoch: report?.epoch ?? 0,
      movedSlots: report?.movedSlots ?? 0,
      decision: report?.decision ?? "",
      lagMs: this.#pool.simulated?.plane.latest?.lagMs ?? 0,
      simulation: this.#pool.simulated?.simulation.state ?? null,
    };
  }
}

/** A figure over time: the mean of its first reports, and of its latest. */
class Course {
  readonly #first: number[] = [];
  readonly #latest: number[] = [];

  add(value: number | null): void {
    if (value === null) return;
    if (this.#first.length < MEAN_REPORTS) this.#first.push(value);
    this.#latest.push(value);
    if (this.#latest.length > MEAN_REPORTS) this.#latest.shift();
  }

  nowAndStart(): NowAndStart {
    return { now: mean(this.#latest), start: mean(this.#first) };
  }
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
