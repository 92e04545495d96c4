import type { Clock } from "../../lib/clock.ts";
import { WorkTurns } from "../../lib/work-turns.ts";
import type { LocalitySettings } from "../../model/model-settings.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Period } from "../../routing/locality/arms.ts";
import { type ExpertSignature, LocalityRouter } from "../../routing/locality/locality-router.ts";
import type { SignatureShape } from "../../routing/locality/signature-shape.ts";
import { PoolLocality } from "../../routing/pools/pool-locality.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import type { ServingPool } from "../serving-pool.ts";
import { GroupLearning, type GroupSample, type SharedGroups } from "./group-learning.ts";
import { type Keys, KnownExperts, NOTHING_KNOWN, keysOf } from "./known-experts.ts";
import { Lanes } from "./lanes.ts";
import { type LocalityShare, MOST_SAMPLES } from "./locality-share.ts";
import { LocalityTally } from "./locality-tally.ts";
import { OtherProcesses } from "./other-processes.ts";
import { PoolHops } from "./pool-hops.ts";
import { type LocalityLedger, RequestLocality } from "./request-locality.ts";
import type { Sent } from "./sent.ts";
import { StepBatches, armsOf } from "./step-batches.ts";
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
  /** Whether another process counts, and learns groups: what there is for it is left for `share`. */
  readonly follows?: boolean;
}

/** Observations that wait for their turn; more are ignored. */
const MOST_WAITING = 64;
/** A turn begins nothing more after so long. What it begins takes less. */
const TURN_MS = 0.5;

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
  /** Who learns its groups, and from what. */
  readonly learning: GroupLearning;
  readonly #options: ModelLocalityOptions;
  readonly #observations: Observation[] = [];
  /** Of other processes, which wait for their turn. */
  readonly #samples: GroupSample[] = [];
  readonly #others = new OtherProcesses();
  readonly #batches: StepBatches;
  readonly #hops: PoolHops;
  readonly #turns: WorkTurns;
  #pools: readonly ServingPool[];
  readonly #lanes: Lanes;
  #tally: LocalityTally;
  #requests = 0;
  /** Answers and groups are learned by turns: neither waits for all of the other. */
  #groupsNext = false;
  #learned = 0;
  #ignored = 0;

  constructor(
    model: string,
    moe: MoeModel,
    pools: readonly ServingPool[],
    settings: LocalitySettings,
    options: ModelLocalityOptions,
  ) {
    const { shape, sketchBytes, clock, wallClock, later, seed, follows = false } = options;
    const count = pools.length;
    const { width, tellingBatch: batch, layers } = shape;
    this.model = model;
    this.moe = moe;
    this.known = new KnownExperts(shape, sketchBytes);
    this.#options = options;
    const router = new LocalityRouter({ instances: count, width, batch, layers: layers.length });
    this.learning = new GroupLearning(router);
    if (follows) this.learning.join(MOST_SAMPLES);
    this.choice = new PoolLocality(count, router, settings.loadBand);
    this.#batches = new StepBatches(count, shape, armsOf(settings));
    this.#hops = new PoolHops(shape);
    this.#turns = new WorkTurns(clock, TURN_MS, later, () => this.#step());
    this.#pools = pools;
    this.#lanes = new Lanes(settings, seed, wallClock);
    this.#tally = new LocalityTally(count, wallClock());
  }

  get settings(): LocalitySettings {
    return this.#lanes.settings;
  }

  /** Of a switchback; null without. */
  get period(): Period | null {
    return this.#lanes.period;
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
    return this.#requests + this.#others.requests;
  }

  /** Turns, prefixes, sessions and tenants that something is known of. */
  get kinds(): number {
    return Math.max(this.known.kinds, this.#others.kinds);
  }

  /** Answers that were learned from since the start, and those that came faster than it learns. */
  get answers(): { readonly learned: number; readonly ignored: number } {
    return { learned: this.#learned, ignored: this.#ignored };
  }

  /** Its pools' names, in the order of the groups. */
  get names(): readonly string[] {
    return this.#pools.map(({ name }) => name);
  }

  /** Numbers of a signature. */
  get width(): number {
    return this.#options.shape.width;
  }

  /** What it has learned, or taken over; null where nothing is known. */
  get groups(): SharedGroups | null {
    return this.learning.shared(this.names);
  }

  /** Takes over what another process has learned. @returns whether they are of such a model and of its pools */
  takeGroups(groups: SharedGroups): boolean {
    return this.learning.take(groups, this.names, this.width);
  }

  /** What this process has counted and seen since the last call, for one that it follows. */
  share(): LocalityShare {
    const { went, would } = this.choice;
    const [learned, ignored] = [this.#learned, this.#ignored];
    this.#learned = 0;
    this.#ignored = 0;
    return {
      model: this.model,
      pools: this.names,
      settings: this.settings,
      load: { requests: this.#requests, went: went.slice(), would: would.slice(), kinds: this.known.kinds },
      counted: this.#tally.take(),
      learned,
      ignored,
      samples: this.learning.takeSamples(),
    };
  }

  /** What a process that follows this one has. What was counted under other settings, or of other pools, counts no more. */
  add(process: number, { pools, settings, load, counted, learned, ignored, samples }: LocalityShare): void {
    const { names } = this;
    if (pools.length !== names.length || pools.some((pool, i) => pool !== names[i])) return;
    this.#others.set(process, load);
    this.#learned += learned;
    this.#ignored += ignored;
    if (!sameSettings(settings, this.settings)) return;
    this.#tally.add(counted);
    const sent = counted.choices.sent;
    this.#tally.fill(
      this.#others.sum(this.choice.went, "went"),
      this.#others.sum(this.choice.would, "would"),
      sent,
    );
    this.#batches.inFlight(this.inFlight / names.length, sent);
    this.hear(samples);
  }

  /** What answers to other processes have named: this one counts for them, or follows the same one. */
  hear(samples: readonly GroupSample[]): void {
    this.#samples.push(...samples.slice(0, MOST_WAITING - this.#samples.length));
    if (samples.length > 0) this.#turns.wake();
  }

  /** It is no more. */
  gone(process: number): void {
    this.#others.gone(process);
  }

  /** A sample of any process, for this one, which learns. */
  receive(sample: GroupSample): void {
    this.learning.receive(sample);
    this.#turns.wake();
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
    if (sameSettings(settings, this.settings)) return;
    this.#lanes.settings = settings;
    this.choice.band = settings.loadBand;
    this.#tally = new LocalityTally(pools.length, this.#options.wallClock());
    this.#batches.begin(armsOf(settings));
  }

  /** A request comes whose pool is to be chosen. */
  begin(facts: RequestFacts): RequestLocality {
    const lane = this.#lanes.of(facts);
    const known = lane.asks ? this.known.of(facts) : NOTHING_KNOWN;
    return new RequestLocality(this, this.#tally, { keys: keysOf(facts), ...known, ...lane });
  }

  sentTo(sent: Sent, tally: LocalityTally): void {
    const { at, would, tokens } = sent;
    this.#requests++;
    this.choice.begin(at, would, tokens);
    if (tally !== this.#tally) return;
    this.#batches.inFlight(this.#requests / this.#pools.length);
    const shadow = this.settings.mode === "shadow";
    for (const arm of shadow ? (["control", "locality"] as const) : [sent.arm]) {
      const place = arm === "locality" ? would : at;
      tally.sent[arm].requests[place]++;
      tally.sent[arm].tokens[place] += tokens;
    }
    tally.fill(this.choice.went, this.choice.would);
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
    this.#turns.wake();
  }

  /** The least that can be done. @returns whether there is more */
  #step(): boolean {
    const observation = this.#groupsNext ? undefined : this.#observations.shift();
    this.#groupsNext = observation !== undefined;
    if (observation !== undefined) {
      this.#learn(observation);
      return true;
    }
    const sample = this.#samples.shift();
    if (sample !== undefined && this.#options.follows === true) {
      if (sample.keys !== null) this.known.hear(sample.keys, sample.signature);
    } else if (sample !== undefined) {
      this.learning.observe(sample);
      this.#batches.add(sample, this.#options.clock.now());
    }
    const learning = this.learning.step();
    const batch = this.#batches.next(this.#pools, this.#options.clock.now());
    if (batch !== null && batch !== "working") this.#tally.batch(batch);
    return learning || batch === "working" || this.#observations.length + this.#samples.length > 0;
  }

  #learn({ keys, sent, routing, tally }: Observation): void {
    const { shape, clock } = this.#options;
    const signature: ExpertSignature = { mix: mixOf(routing, shape), tokens: routing.tokens };
    this.known.observe(keys, routing);
    const goes = this.settings.mode === "shadow" || sent.arm === "locality";
    const sample = {
      keys,
      sent,
      signature,
      goes,
      hops: this.#hops.of(this.#pools[sent.at], this.#pools[sent.would], routing),
    };
    this.learning.observe(sample);
    this.#learned++;
    if (tally === this.#tally && this.#options.follows !== true) this.#batches.add(sample, clock.now());
  }
}

function sameSettings(one: LocalitySettings, other: LocalitySettings): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
