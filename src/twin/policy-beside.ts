import { BALANCE_POLICIES } from "../core/planning/balance-policy.ts";
import type { BalancePolicyName } from "../model/balance-policy-name.ts";
import type { BalanceBeside } from "../model/balance-beside.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import { gpuCount } from "../model/topology.ts";
import { PolicyRun, type PolicyRunOptions } from "./policy-run.ts";
import { RecentSums } from "./recent-sums.ts";
import { RecentWindows } from "./recent-windows.ts";
import type { StepBatch } from "./step-batch.ts";
import { ratio } from "./window-totals.ts";

/** Another way of balancing that gets the steps of a running pool, as they come. */
export class PolicyBeside {
  readonly #title: string;
  readonly #run: PolicyRun;
  readonly #pool: RecentWindows;
  readonly #beside: RecentWindows;
  /** Of the steps that both took: how long the pool's own last, by the window that has them. */
  readonly #ownMs = new RecentSums();

  constructor(name: BalancePolicyName, options: PolicyRunOptions, startMs: number) {
    const policy = BALANCE_POLICIES[name];
    const gpus = gpuCount(options.topology);
    this.#title = policy.title;
    this.#pool = new RecentWindows(gpus);
    this.#beside = new RecentWindows(gpus);
    this.#run = new PolicyRun(policy, options, startMs, (window) => {
      this.#beside.add(window);
      this.#ownMs.close(window.spanMs);
    });
  }

  /** A step of the pool, which took so long; it need not get all of them. */
  step(atMs: number, { rows, tokens, work, units, windows }: StepBatch, ms: number): void {
    this.#run.step({ atMs, rows: rows.subarray(0, tokens), work, units, windows });
    this.#ownMs.add(ms);
  }

  /** What the pool did itself. */
  observe(window: PoolWindow): void {
    this.#pool.add(window);
  }

  get figures(): BalanceBeside {
    const { slots: movedSlots, placements } = this.#run.moved;
    return {
      title: this.#title,
      // Windows of both do not end at the same step.
      part: Math.min(1, ratio(this.#beside.steps, this.#pool.steps) ?? 0),
      // Steps that differ take times that differ.
      pool: { ...this.#pool.figures, stepMs: this.#ownMs.mean },
      beside: this.#beside.figures,
      movedSlots,
      placements,
    };
  }
}
