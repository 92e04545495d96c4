import type { EngineSettings } from "./model-engine.ts";
import { type TraceLoad, traceRequests } from "./mooncake-load.ts";
import { type SessionLoad, type TimedRequest, sessionRequests } from "./workload.ts";

/** What happens to an engine, and when: a part of the load's duration. */
export interface EngineChange {
  readonly kind: "joins" | "stops" | "returns";
  readonly engine: number;
  readonly at: number;
}

/** One load on one set of engines. */
export interface Case {
  readonly name: string;
  readonly engines: readonly EngineSettings[];
  readonly changes: readonly EngineChange[];
  readonly requests: readonly TimedRequest[];
  /** Requests before that one warm caches and code, and do not count. */
  readonly firstCounted: number;
}

const ENGINES = 4;
/** As a GPU with a dense model of some 10 billion parameters: 16,000 prompt tokens/s, 5 ms a step. */
const ENGINE: EngineSettings = {
  blockTokens: 16,
  cacheTokens: 65_536,
  prefillMsPerToken: 1 / 16,
  stepMs: 5,
  decodeMs: 0.1,
  stepTokens: 512,
  maxRunning: 64,
};
/** Twice as fast: for prompts of 3,400 words. */
const LARGE: EngineSettings = {
  ...ENGINE,
  cacheTokens: 262_144,
  prefillMsPerToken: 1 / 32,
  stepTokens: 1024,
};
const SESSIONS: SessionLoad = {
  sessions: 120,
  turns: 6,
  tenants: 6,
  together: 60,
  requestsPerSecond: 30,
  systemWords: 1024,
  userWords: 256,
  answerWords: 32,
};
const TRACE: TraceLoad = { requests: 2000, requestsPerSecond: 28, mostAnswerTokens: 32 };
const SLOWER = 3;
const WARM_UP = 1 / 8;

export interface CaseOptions {
  readonly seed: number;
  /** A part of every load's requests: for short runs. */
  readonly part: number;
  /** The text of a Mooncake trace; null where there is none. */
  readonly trace: string | null;
}

export function casesOf({ seed, part, trace }: CaseOptions): Case[] {
  const even = Array.from({ length: ENGINES }, () => ENGINE);
  const sessions = (change: Partial<SessionLoad>, engine: EngineSettings = ENGINE) => {
    const load = { ...SESSIONS, ...change };
    const so = { ...load, sessions: Math.ceil(load.sessions * part) };
    return sessionRequests(so, engine.blockTokens, seed);
  };
  const small = even.map((engine) => ({ ...engine, cacheTokens: engine.cacheTokens / 2 }));
  const slow = even.map((engine, i) => (i === 0 ? slower(engine, SLOWER) : engine));
  const cases = [
    { name: "30/s", engines: even, changes: [], requests: sessions({}) },
    {
      name: "45/s, smaller caches",
      engines: small,
      changes: [],
      requests: sessions({ requestsPerSecond: 45 }),
    },
    { name: `one engine ${SLOWER} × slower`, engines: slow, changes: [], requests: sessions({}) },
    {
      name: "an engine joins",
      engines: even,
      changes: [{ kind: "joins", engine: ENGINES - 1, at: 1 / 3 } as const],
      requests: sessions({}),
    },
    {
      name: "an engine stops, and returns",
      engines: even,
      changes: [
        { kind: "stops", engine: ENGINES - 1, at: 1 / 3 } as const,
        { kind: "returns", engine: ENGINES - 1, at: 2 / 3 } as const,
      ],
      requests: sessions({}),
    },
  ];
  const load = { ...TRACE, requests: Math.ceil(TRACE.requests * part) };
  const traced =
    trace === null
      ? []
      : [
          {
            name: "Mooncake trace",
            engines: Array.from({ length: ENGINES }, () => LARGE),
            changes: [],
            requests: traceRequests(trace, load, LARGE.blockTokens, seed),
          },
        ];
  return [...cases, ...traced].map((one) => ({
    ...one,
    firstCounted: Math.floor(one.requests.length * WARM_UP),
  }));
}

function slower(engine: EngineSettings, times: number): EngineSettings {
  const { prefillMsPerToken, stepMs, decodeMs } = engine;
  return {
    ...engine,
    prefillMsPerToken: prefillMsPerToken * times,
    stepMs: stepMs * times,
    decodeMs: decodeMs * times,
  };
}
