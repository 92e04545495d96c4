import type { ModelSettings } from "../../../../src/model/model-settings.ts";
import { Localities } from "../../../../src/serving/locality/localities.ts";
import type { ModelLocality } from "../../../../src/serving/locality/model-locality.ts";
import { sumMoved } from "../../../../src/serving/locality/moved.ts";
import type { ServingPool } from "../../../../src/serving/serving-pool.ts";
import { ownCounts, setOthers, sumCounts } from "../../../../src/serving/sharing/shared-counts.ts";

/** How many processes serve, and whether one of them learns the groups for all, as with `workers`. */
export interface LiveProcesses {
  readonly count: number;
  readonly share: boolean;
}

export const ONE_PROCESS: LiveProcesses = { count: 1, share: false };

/** One process, with its own view of the pools. */
interface LiveProcess {
  readonly pools: readonly ServingPool[];
  readonly localities: Localities;
}

/** As the gateway's own workers have it. */
const SHARE_EVERY_MS = 500;

/** What processes tell each other: what each has in flight at every step, and the groups twice a second. */
export class ProcessesTogether {
  readonly all: readonly LiveProcess[];
  /** Counts and learns for all; null where each does so for itself. */
  readonly #primary: Localities | null;
  #sharedMs = 0;

  /** @param poolsOf a process's own */
  constructor(
    { count, share }: LiveProcesses,
    makings: Omit<ConstructorParameters<typeof Localities>[0], "follows">,
    poolsOf: () => readonly ServingPool[],
    model: ModelSettings,
  ) {
    this.all = Array.from({ length: count }, () => ({
      pools: poolsOf(),
      localities: new Localities({ ...makings, follows: share }),
    }));
    this.#primary = share ? new Localities(makings) : null;
    this.#primary?.of(model, this.all[0].pools);
  }

  /** The one whose figures are reported; null where requests do not go by experts. */
  locality(model: string): ModelLocality | null {
    return (this.#primary ?? this.all[0].localities).find(model);
  }

  step(nowMs: number): void {
    if (this.all.length > 1) this.#tellLoads();
    if (this.#primary === null || nowMs - this.#sharedMs < SHARE_EVERY_MS) return;
    this.#sharedMs = nowMs;
    for (const primary of this.#primary.all) {
      const own = this.all.flatMap(({ localities }) => localities.find(primary.model) ?? []);
      for (const [i, one] of own.entries()) {
        const share = one.share();
        primary.add(i, share);
        for (const other of own) if (other !== one) other.hear(share.samples);
      }
      const { groups } = primary;
      if (groups !== null) for (const one of own) one.takeGroups(groups);
    }
  }

  #tellLoads(): void {
    const counts = this.all.map(({ pools }) => ownCounts(pools));
    const moved = this.all.map(({ localities }) => localities.moved());
    for (const [i, { pools, localities }] of this.all.entries()) {
      setOthers(pools, sumCounts(counts.filter((_, j) => j !== i)));
      localities.setMoved(sumMoved(moved.filter((_, j) => j !== i)));
    }
  }
}
