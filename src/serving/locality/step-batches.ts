import type { LocalitySettings } from "../../model/model-settings.ts";
import type { Arm } from "../../routing/locality/arms.ts";
import { type LayerSlots, MixSums } from "../../routing/locality/mix-sums.ts";
import type { SignatureShape } from "../../routing/locality/signature-shape.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { GroupSample } from "./group-learning.ts";
import { type StepBatch, worlds } from "./locality-tally.ts";

/** Of a batch, at least. */
const BATCH_MS = 30_000;
/** Requests with their experts that a batch has for each pool, of each arm that it is made of. */
const REQUESTS_PER_POOL = 24;
/** Whose requests a batch is made of: all as they went and as they would have gone, those of both arms, or of one at a time. */
export type BatchArms = "shadow" | "both" | "one";

const BOTH: readonly Arm[] = ["control", "locality"];

/** Those that a batch has requests of. */
export function armsOf({ mode, percent, switchbackMinutes }: LocalitySettings): BatchArms {
  if (mode === "shadow") return "shadow";
  return switchbackMinutes === null && percent > 0 && percent < 100 ? "both" : "one";
}

/**
 * What steps are expected to read of the requests of each arm, a batch of some time after the other. Mixes are what
 * answers have named, not what the choice went by. Both arms are held to steps of the same size: the requests that a
 * pool had in flight, in the mean.
 */
export class StepBatches {
  readonly #sums;
  /** Node hops of those requests whose pools say where their experts are. */
  readonly #hops = { control: { sum: 0, count: 0 }, locality: { sum: 0, count: 0 } };
  #arms: BatchArms;
  #since = -1;
  #period = 0;
  #inFlight = 0;
  #samples = 0;
  #requests = 0;
  #working: Generator<void, StepBatch> | null = null;

  constructor(pools: number, shape: SignatureShape, arms: BatchArms) {
    this.#arms = arms;
    this.#sums = worlds(() => new MixSums(pools, shape));
  }

  /** Requests were sent. @param perPool in flight, mean */
  inFlight(perPool: number, requests = 1): void {
    this.#inFlight += requests * perPool;
    this.#samples += requests;
  }

  /** The experts of one request. A batch is of one series. */
  add({ sent: { arm, at, would, series }, signature: { mix }, hops }: GroupSample, nowMs: number): void {
    if (this.#working !== null || series === null) return;
    if (series !== this.#period) this.#empty();
    this.#period = series;
    if (this.#since < 0) this.#since = nowMs;
    this.#requests++;
    const counted = this.#arms === "shadow" ? BOTH : [arm];
    for (const one of counted) {
      this.#sums[one].add(one === "locality" ? would : at, mix);
      const own = one === "locality" ? hops.would : hops.at;
      if (own === null) continue;
      this.#hops[one].sum += own;
      this.#hops[one].count++;
    }
  }

  /** Forgets what there is. */
  begin(arms: BatchArms): void {
    this.#arms = arms;
    this.#empty();
  }

  #empty(): void {
    this.#since = -1;
    this.#inFlight = 0;
    this.#samples = 0;
    this.#requests = 0;
    this.#working = null;
    for (const arm of BOTH) {
      this.#sums[arm].empty();
      this.#hops[arm] = { sum: 0, count: 0 };
    }
  }

  /** Some work on a batch that is full. @returns it once that is done; null where there is no work */
  next(pools: readonly ServingPool[], nowMs: number): StepBatch | "working" | null {
    if (this.#working === null) {
      if (!this.#isFull(pools.length, nowMs)) return null;
      this.#working = this.#work(pools);
    }
    const { value, done } = this.#working.next();
    if (done !== true) return "working";
    this.#empty();
    return value;
  }

  #isFull(pools: number, nowMs: number): boolean {
    if (this.#since < 0 || nowMs - this.#since < BATCH_MS || this.#samples === 0) return false;
    const seen = BOTH.map((arm) => this.#sums[arm].requests.reduce((sum, one) => sum + one, 0));
    const fewest = this.#arms === "one" ? Math.max(...seen) : Math.min(...seen);
    return fewest >= REQUESTS_PER_POOL * pools;
  }

  *#work(pools: readonly ServingPool[]): Generator<void, StepBatch> {
    const stepTokens = Math.max(1, this.#inFlight / this.#samples);
    const found = worlds(() => ({ distinct: 0, fullest: 0, requests: 0 }));
    let placed = true;
    for (const arm of BOTH) {
      const sums = this.#sums[arm];
      for (const [at, pool] of pools.entries()) {
        const requests = sums.requests[at];
        if (requests === 0) continue;
        const step = sums.step(at, stepTokens, slotsOf(pool.current));
        placed &&= step.fullestGpuExperts !== null;
        found[arm].distinct += requests * step.distinctExperts;
        found[arm].fullest += requests * (step.fullestGpuExperts ?? 0);
        found[arm].requests += requests;
        yield;
      }
    }
    const mean = (arm: Arm, of: "distinct" | "fullest") =>
      found[arm].requests === 0 ? null : found[arm][of] / found[arm].requests;
    return {
      stepTokens,
      requests: this.#requests,
      distinctExperts: worlds((arm) => mean(arm, "distinct")),
      fullestGpuExperts: worlds((arm) => (placed ? mean(arm, "fullest") : null)),
      nodeHops: worlds((arm) => {
        const { sum, count } = this.#hops[arm];
        return count === 0 ? null : sum / count;
      }),
      period: this.#period,
    };
  }
}

/** Where a pool has its experts, by row of its MoE layers; null where that is not known. */
function slotsOf({ snapshot }: ServingPool): ((layer: number) => LayerSlots) | null {
  if (snapshot === null) return null;
  const { placement, shares } = snapshot;
  const { topology, physicalToLogical } = placement;
  const slots = physicalToLogical.length / placement.layers;
  return (layer) => ({
    expertOf: part(physicalToLogical, layer * slots, slots),
    shares: part(shares.values, layer * slots, slots),
    slotsPerGpu: topology.slotsPerGpu,
  });
}

function part(values: { readonly [index: number]: number }, from: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => values[from + i]);
}
