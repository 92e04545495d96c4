import type { Clock } from "../../lib/clock.ts";
import type { LocalitySettings } from "../../model/model-settings.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type Period, armOfUnit, periodAt, unitOf } from "../../routing/locality/arms.ts";
import { type ExpertSignature, LocalityRouter } from "../../routing/locality/locality-router.ts";
import type { SignatureShape } from "../../routing/locality/signature-shape.ts";
import { PoolLocality } from "../../routing/pools/pool-locality.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import type { ServingPool } from "../serving-pool.ts";
import { type Keys, KnownExperts, NOTHING_KNOWN, keysOf } from "./known-experts.ts";
import { LocalityTally } from "./locality-tally.ts";
import { type LocalityLedger, RequestLocality } from "./request-locality.ts";
import type { Sent } from "./sent.ts";
import { type BatchArms, StepBatches } from "./step-batches.ts";
import { atLayers, mixOf } from "./some-layers.ts";

export interface ModelLocalityOptions {
  /** Of its requests' signatures. */
  readonly shape: SignatureShape;
  /** See KnownExperts. */
  readonly sketchBytes: number;
  /** Monotonic. */
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Runs a turn of work once requests have had their time. */
  readonly later: (turn: () => void) => void;
  /** Divides sessions into arms, and draws the order of periods. */
  readonly seed: number;
}

/** Observations that wait for their turn; more are ignored. */
const MOST_WAITING = 64;
/** A turn begins nothing more after so long. What it begins takes less. */
const TURN_MS = 0.5;
const MS_PER_MINUTE = 60_000;

interface Observation {
  readonly keys: Keys;
  readonly routing: RoutingTrace;
  readonly sent: Sent;
  readonly tally: LocalityTally;
}

/**
 * One model's requests by the experts that they use, over its pools: what is known of requests, the mixes of the pools,
 * and what there is to compare. A request asks `begin`, and is told of by its `RequestLocality`; learning is done in
 * turns of their own. It outlives reloads that leave the pools.
 */
export class ModelLocality implements LocalityLedger {
  readonly model: string;
  /** Its experts, as the first of its pools that says it has them. */
  readonly moe: MoeModel;
  readonly choice: PoolLocality;
  readonly known: KnownExperts;
  readonly #options: ModelLocalityOptions;
  readonly #router: LocalityRouter;
  readonly #observations: Observation[] = [];
  readonly #batches: StepBatches;
  #pools: readonly ServingPool[];
  #settings: LocalitySettings;
  #tally: LocalityTally;
  #requests = 0;
  #turnComes = false;
  /** Answers and groups are learned by turns: neither waits for all of the other. */
  #groupsNext = false;
  #learned = 0;
  #ignored = 0;
  /** Of requests that say nobody's name. */
  #nobody = 0;

  constructor(
    model: string,
    moe: MoeModel,
    pools: readonly ServingPool[],
    settings: LocalitySettings,
    options: ModelLocalityOptions,
  ) {
    const { shape, sketchBytes, wallClock } = options;
    const count = pools.length;
    const { width, tellingBatch: batch, layers } = shape;
    this.model = model;
    this.moe = moe;
    this.known = new KnownExperts(shape, sketchBytes);
    this.#options = options;
    this.#router = new LocalityRouter({ instances: count, width, batch, layers: layers.length });
    this.choice = new PoolLocality(count, this.#router, settings.loadBand);
    this.#batches = new StepBatches(count, shape, armsOf(settings));
    this.#pools = pools;
    this.#settings = settings;
    this.#tally = new LocalityTally(count, wallClock());
  }

  get settings(): LocalitySettings {
    return this.#settings;
  }

  get pools(): readonly ServingPool[] {
    return this.#pools;
  }

  /** Since the settings last changed. */
  get tally(): LocalityTally {
    return this.#tally;
  }

  /** Requests in flight. */
  get inFlight(): number {
    return this.#requests;
  }

  /** Answers that were learned from since the start, and those that came faster than it learns. */
  get answers(): { readonly learned: number; readonly ignored: number } {
    return { learned: this.#learned, ignored: this.#ignored };
  }

  /** Whether what was learned is of these pools, in their order, and of such a model. */
  fits(pools: readonly ServingPool[], { name, experts, topk, moeLayers }: MoeModel): boolean {
    const { moe } = this;
    const same = moe.name === name && moe.experts === experts && moe.topk === topk;
    if (!same || moe.moeLayers.length !== moeLayers.length || pools.length !== this.#pools.length)
      return false;
    return pools.every((pool, i) => pool.name === this.#pools[i].name);
  }

  /** Goes on with these; the pools are of the same names. What is counted begins anew where the settings are others. */
  update(pools: readonly ServingPool[], settings: LocalitySettings): void {
    this.#pools = pools;
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.choice.band = settings.loadBand;
    this.#tally = new LocalityTally(pools.length, this.#options.wallClock());
    this.#batches.begin(armsOf(settings));
  }

  /** A request comes whose pool is to be chosen. */
  begin(facts: RequestFacts): RequestLocality {
    const lane = this.#laneOf(facts);
    const known = lane.asks ? this.known.of(facts) : NOTHING_KNOWN;
    return new RequestLocality(this, this.#tally, { keys: keysOf(facts), ...known, ...lane });
  }

  sentTo(sent: Sent, tally: LocalityTally): void {
    const { at, would, tokens } = sent;
    this.#requests++;
    this.choice.begin(at, would, tokens);
    if (tally !== this.#tally) return;
    this.#batches.inFlight(this.#requests / this.#pools.length);
    const shadow = this.#settings.mode === "shadow";
    for (const arm of shadow ? (["control", "locality"] as const) : [sent.arm]) {
      const place = arm === "locality" ? would : at;
      tally.sent[arm].requests[place]++;
      tally.sent[arm].tokens[place] += tokens;
    }
    tally.fullest.control.sum += fullest(this.choice.went);
    tally.fullest.control.count++;
    tally.fullest.locality.sum += fullest(this.choice.would);
    tally.fullest.locality.count++;
  }

  left({ at, would, tokens }: Sent): void {
    this.#requests--;
    this.choice.end(at, would, tokens);
  }

  observe(keys: Keys, sent: Sent, routing: RoutingTrace, tally: LocalityTally): void {
    if (this.#observations.length === MOST_WAITING) {
      this.#ignored++;
      return;
    }
    const some = atLayers(routing, this.#options.shape);
    if (some === null) return;
    this.#observations.push({ keys, sent, routing: some, tally });
    this.#wake();
  }

  /** By what it is routed, and which unit of the comparison it counts for. */
  #laneOf({ affinityKey }: RequestFacts) {
    const { mode, percent } = this.#settings;
    const { seed } = this.#options;
    if (mode === "shadow") return { arm: "control" as const, unit: null, series: 0, acts: false, asks: true };
    const period = this.period;
    if (period !== null) {
      const { arm, number, counts } = period;
      const unit = counts ? number : null;
      return { arm, unit, series: unit, acts: arm === "locality", asks: arm === "locality" };
    }
    const unit = unitOf(affinityKey === 0 ? this.#nobody++ : affinityKey, seed);
    const arm = armOfUnit(unit, percent);
    return { arm, unit, series: 0, acts: arm === "locality", asks: arm === "locality" };
  }

  /** Of a switchback, by the time of day: the same at every gateway; null without. */
  get period(): Period | null {
    const { mode, switchbackMinutes } = this.#settings;
    if (mode === "shadow" || switchbackMinutes === null) return null;
    const { wallClock, seed } = this.#options;
    return periodAt(wallClock(), switchbackMinutes * MS_PER_MINUTE, seed);
  }

  #wake(): void {
    if (this.#turnComes) return;
    this.#turnComes = true;
    this.#options.later(() => this.#turn());
  }

  #turn(): void {
    this.#turnComes = false;
    const { clock } = this.#options;
    const until = clock.now() + TURN_MS;
    let more = this.#step();
    while (more && clock.now() < until) more = this.#step();
    if (more) this.#wake();
  }

  /** The least that can be done. @returns whether there is more */
  #step(): boolean {
    const observation = this.#groupsNext ? undefined : this.#observations.shift();
    this.#groupsNext = observation !== undefined;
    if (observation !== undefined) {
      this.#learn(observation);
      return true;
    }
    const learning = this.#router.learn();
    const batch = this.#batches.next(this.#pools, this.#options.clock.now());
    if (batch !== null && batch !== "working") this.#tally.batch(batch);
    return learning || batch === "working" || this.#observations.length > 0;
  }

  #learn({ keys, sent, routing, tally }: Observation): void {
    const { shape, clock } = this.#options;
    const signature: ExpertSignature = { mix: mixOf(routing, shape), tokens: routing.tokens };
    this.known.observe(keys, routing);
    // What went elsewhere than its like says nothing of that pool.
    const goes = this.#settings.mode === "shadow" || sent.arm === "locality";
    this.#router.observe(signature, sent.tokens, goes ? sent.would : -1, 0);
    this.#learned++;
    if (tally === this.#tally) this.#batches.add(sent, signature.mix, clock.now());
  }
}

/** The most of some in their mean. */
function fullest(tokens: Float64Array): number {
  const mean = tokens.reduce((sum, one) => sum + one, 0) / tokens.length;
  return mean === 0 ? 1 : Math.max(...tokens) / mean;
}

/** Those that a batch of expected steps has requests of. */
function armsOf({ mode, percent, switchbackMinutes }: LocalitySettings): BatchArms {
  if (mode === "shadow") return "shadow";
  return switchbackMinutes === null && percent > 0 && percent < 100 ? "both" : "one";
}
