import { ARMS, type Arm } from "../../routing/locality/arms.ts";
import type { Unit } from "../../lib/ratio-interval.ts";
import { SOURCES, type Source } from "./known-experts.ts";

/** What a request took, in ms. */
export const TIMES = ["tpot", "ttft"] as const;
export type Time = (typeof TIMES)[number];

/** Batches of expected steps, and periods of a switchback, that are kept: the last. */
const MOST_BATCHES = 1024;

/**
 * Two worlds of requests: those of the two arms; in the shadow, all as they went (`control`), and all as they would have
 * gone (`locality`).
 */
export type Worlds<T> = Readonly<Record<Arm, T>>;

export function worlds<T>(make: (arm: Arm) => T): Worlds<T> {
  return { control: make("control"), locality: make("locality") };
}

/** Expected steps of some time. */
export interface StepBatch {
  /** Tokens that a step was taken to have. */
  readonly stepTokens: number;
  /** Requests whose experts answers have named. */
  readonly requests: number;
  /** Null where none of the arm's were seen. */
  readonly distinctExperts: Worlds<number | null>;
  /** Null where it is not known where experts are. */
  readonly fullestGpuExperts: Worlds<number | null>;
  /** Of a token in a layer; null where it is not known where experts are. */
  readonly nodeHops: Worlds<number | null>;
  /** The period of a switchback; 0 without. */
  readonly period: number;
}

/** What was measured of a unit's requests. */
export interface MeasuredUnit {
  readonly arm: Arm;
  readonly tpot: { sum: number; count: number };
  readonly ttft: { sum: number; count: number };
}

/** `[pools]` each. */
interface SentTo {
  readonly requests: Float64Array;
  readonly tokens: Float64Array;
}

/** What a process has counted, for one that adds it to its own. */
export interface Counted {
  readonly known: Readonly<Record<Source | "nothing", number>>;
  readonly choices: LocalityTally["choices"];
  readonly sent: LocalityTally["sent"];
  readonly units: readonly (readonly [number: number, unit: MeasuredUnit])[];
}

/** What was counted since the settings last changed. */
export class LocalityTally {
  readonly sinceMs: number;
  /** By what is known from; of requests that were asked where their like are. */
  readonly known: Readonly<Record<Source | "nothing", { requests: number }>>;
  /** Requests that went, or would have gone, elsewhere than to the least loaded. */
  readonly choices = { sent: 0, byExperts: 0, elsewhere: 0 };
  /** `[pools]` */
  readonly sent: Worlds<SentTo>;
  /** What the fullest pool held, in the mean of the pools, summed up over requests. */
  readonly fullest = worlds(() => ({ sum: 0, count: 0 }));
  readonly batches: StepBatch[] = [];
  /** By number: a part of the sessions, or a period. */
  readonly units = new Map<number, MeasuredUnit>();

  constructor(pools: number, nowMs: number) {
    this.sinceMs = nowMs;
    this.known = bySource(() => ({ requests: 0 }));
    this.sent = worlds(() => ({ requests: new Float64Array(pools), tokens: new Float64Array(pools) }));
  }

  /** What was counted since the last call; but for batches and fullness, which are of all processes. It begins anew. */
  take(): Counted {
    const { known, choices, sent, units } = this;
    const taken: Counted = {
      known: bySource((source) => known[source].requests),
      choices: { ...choices },
      sent: worlds((arm) => ({ requests: sent[arm].requests.slice(), tokens: sent[arm].tokens.slice() })),
      units: [...units],
    };
    for (const one of Object.values(known)) one.requests = 0;
    Object.assign(choices, { sent: 0, byExperts: 0, elsewhere: 0 });
    for (const { requests, tokens } of Object.values(sent)) {
      requests.fill(0);
      tokens.fill(0);
    }
    units.clear();
    return taken;
  }

  /** What another process has counted of the same pools. */
  add({ known, choices, sent, units }: Counted): void {
    for (const source of KNOWN) this.known[source].requests += known[source];
    this.choices.sent += choices.sent;
    this.choices.byExperts += choices.byExperts;
    this.choices.elsewhere += choices.elsewhere;
    for (const arm of ARMS) {
      const [own, others] = [this.sent[arm], sent[arm]];
      for (let pool = 0; pool < own.requests.length; pool++) {
        own.requests[pool] += others.requests[pool];
        own.tokens[pool] += others.tokens[pool];
      }
    }
    for (const [number, { arm, tpot, ttft }] of units) {
      const own = this.units.get(number) ?? this.#begin(number, arm);
      for (const [sum, more] of [[own.tpot, tpot] as const, [own.ttft, ttft] as const]) {
        sum.sum += more.sum;
        sum.count += more.count;
      }
    }
  }

  /** Requests were sent, with so much in flight. @param went `[pools]`, and where it would be by experts */
  fill(went: Float64Array, would: Float64Array, requests = 1): void {
    const now = { control: fullest(went), locality: fullest(would) };
    for (const arm of ARMS) {
      this.fullest[arm].sum += requests * now[arm];
      this.fullest[arm].count += requests;
    }
  }

  measured(unit: number, arm: Arm, times: Readonly<Record<Time, number | null>>): void {
    const own = this.units.get(unit) ?? this.#begin(unit, arm);
    for (const time of TIMES) {
      const ms = times[time];
      if (ms === null) continue;
      own[time].sum += ms;
      own[time].count++;
    }
  }

  batch(batch: StepBatch): void {
    this.batches.push(batch);
    if (this.batches.length > MOST_BATCHES) this.batches.shift();
  }

  unitsOf(arm: Arm, time: Time): Unit[] {
    return [...this.units.values()].filter((unit) => unit.arm === arm).map((unit) => unit[time]);
  }

  get requestsOf(): Worlds<number> {
    return worlds((arm) => this.sent[arm].requests.reduce((sum, one) => sum + one, 0));
  }

  #begin(unit: number, arm: Arm): MeasuredUnit {
    const fresh = { arm, tpot: { sum: 0, count: 0 }, ttft: { sum: 0, count: 0 } };
    if (this.units.size === MOST_BATCHES) this.units.delete(this.units.keys().next().value as number);
    this.units.set(unit, fresh);
    return fresh;
  }
}

const KNOWN = [...SOURCES, "nothing"] as const;

function bySource<T>(make: (source: Source | "nothing") => T): Readonly<Record<Source | "nothing", T>> {
  return Object.fromEntries(KNOWN.map((source) => [source, make(source)])) as Record<Source | "nothing", T>;
}

/** The most of some in their mean. */
function fullest(tokens: Float64Array): number {
  const mean = tokens.reduce((sum, one) => sum + one, 0) / tokens.length;
  return mean === 0 ? 1 : Math.max(...tokens) / mean;
}
