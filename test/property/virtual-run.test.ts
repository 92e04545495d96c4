import fc from "fast-check";
import { expect, test } from "vitest";
import type { RequestRecord, StepSpan } from "../../src/twin/run/run-log.ts";
import { type VirtualRunResult, virtualRun } from "../../src/twin/run/virtual-run.ts";
import { BATCHING, PLAIN_BATCHING } from "../../src/twin/pool/batching.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { limitsOf } from "../admission-desk.ts";
import { silentObserver } from "../silent-observer.ts";
import { runs } from "../runs.ts";

const RANKS = 4;
/** Its rows are made once. */
const routing = new SyntheticRouting(SMALL_MODEL, 1);

const cases = fc.record({
  gaps: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 25 }),
  lengths: fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 40 })), {
    minLength: 1,
    maxLength: 25,
  }),
  faults: fc.array(
    fc.record({
      of: fc.constantFrom("prefill", "decode"),
      rank: fc.integer({ min: 0, max: RANKS - 1 }),
      atMs: fc.integer({ min: 0, max: 60 }),
      noticedMs: fc.integer({ min: 0, max: 20 }),
      forMs: fc.option(fc.integer({ min: 0, max: 40 })),
    }),
    { maxLength: 8 },
  ),
  apart: fc.boolean(),
  engine: fc.constantFrom("plain", "vllm", "sglang"),
  drafts: fc.boolean(),
  inside: fc.option(fc.integer({ min: 1, max: 6 })),
  /** Composing costs most. */
  assignment: fc.constantFrom("least-load", "least-load", "least-load", "composed"),
  runningPerRank: fc.option(fc.integer({ min: 1, max: 3 })),
});

type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function run({ gaps, lengths, faults, apart, engine, drafts, inside, assignment, runningPerRank }: Case) {
  const records: RequestRecord[] = [];
  const steps: StepSpan[] = [];
  const batching = engine === "plain" ? PLAIN_BATCHING : BATCHING[engine];
  let arrivalMs = 0;
  const traffic = gaps.map((gap, i) => {
    const [inputTokens, outputTokens] = lengths[i % lengths.length];
    return { arrivalMs: (arrivalMs += gap), inputTokens, outputTokens };
  });
  const total = { ...limitsOf({}).total, maxInFlight: inside ?? 0 };
  const running = virtualRun({
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    decode: apart ? { topology: SMALL_TOPOLOGY, assignment: "decode" } : null,
    assignment: apart && assignment !== "composed" ? "prefill" : assignment,
    routing,
    traffic,
    durationMs: 1000,
    cadence: { sharesMs: 15, placementMs: 40 },
    seed: 1,
    fidelity: "analytic",
    batching: { ...batching, runningPerRank: runningPerRank ?? batching.runningPerRank },
    speculation: drafts ? { draftTokens: 2, acceptance: 0.7 } : null,
    admission: limitsOf({ total, queue: { maxWaiting: 4, maxWaitMs: 10 } }),
    faults: faults.map(({ of, ...fault }) => ({ ...fault, pool: apart ? of : "pool" })),
    recorder: new StepRecorder(1),
    observer: silentObserver({
      request: (record) => records.push(record),
      step: (span) => steps.push(span),
    }),
  });
  for (;;) {
    const next = running.next();
    if (next.done === true) return { records, steps, traffic, result: next.value };
  }
}

function count(records: readonly RequestRecord[], outcome: RequestRecord["outcome"]): number {
  return records.filter((record) => record.outcome === outcome).length;
}

function counts({ requests, refused, failed }: VirtualRunResult) {
  return { requests, refused, failed };
}

test("whatever dies, waits or is turned away: every request ends once, and says how", () => {
  fc.assert(
    fc.property(cases, (given) => {
      const { records, steps, traffic, result } = run(given);
      const ids = records.map(({ id }) => id).toSorted((a, b) => a - b);
      expect(ids).toEqual(traffic.map((_, i) => i + 1));
      expect(counts(result)).toEqual({
        requests: traffic.length,
        refused: count(records, "refused"),
        failed: count(records, "failed"),
      });
      for (const { outcome, reason, arrivalMs, startedMs, firstTokenMs, endMs } of records) {
        expect(reason === null).toBe(outcome === "completed");
        if (outcome === "completed") expect([startedMs, firstTokenMs]).not.toContain(null);
        const times = [arrivalMs, startedMs, firstTokenMs, endMs].filter((ms) => ms !== null);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
      }
      // A pool's ranks step together: the next step begins when the last is over.
      for (const name of new Set(steps.map(({ pool }) => pool))) {
        const own = steps.filter(({ pool }) => pool === name);
        for (const [i, { startMs, ms }] of own.entries())
          expect(startMs + ms).toBeLessThanOrEqual(own[i + 1]?.startMs ?? Number.POSITIVE_INFINITY);
      }
      // Nobody fails where nothing dies.
      if (given.faults.length === 0) expect(result.failed + result.resent).toBe(0);
    }),
    { seed: 18, numRuns: runs(20) },
  );
});
