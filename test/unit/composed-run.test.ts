import { describe, expect, it } from "vitest";
import type { RankAssignment } from "../../src/model/rank-assignment.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";
import { type VirtualRunResult, virtualRun } from "../../src/twin/run/virtual-run.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { twoTenants } from "../two-tenants.ts";

const REQUESTS = 600;
/** More than the four ranks run at once. */
const CROWD = 1100;

function run(assignment: RankAssignment, labelled: boolean, requests = REQUESTS, everyMs = 4) {
  const { trace, tenants } = twoTenants(SMALL_MODEL.experts, SMALL_MODEL.topk, 40, 50);
  const recorder = new StepRecorder(1e6);
  const steps = virtualRun({
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    routing: new TraceRouting(trace, labelled ? tenants : null),
    traffic: Array.from({ length: requests }, (_, i) => ({
      arrivalMs: i * everyMs,
      inputTokens: 40,
      outputTokens: 10,
    })),
    durationMs: 1e6,
    cadence: { sharesMs: 20, placementMs: 100 },
    assignment,
    seed: 1,
    recorder,
  });
  for (;;) {
    const next = steps.next();
    if (next.done === true) return { result: next.value, recorder };
  }
}

function outputTokens(recorder: StepRecorder): number {
  return recorder.records.flatMap(({ work }) => work).reduce((sum, { sampled }) => sum + sampled, 0);
}

/** Σ mean / Σ max of the requests that get logits on each rank, over the recorded steps. */
function requestBalance(recorder: StepRecorder): number {
  let [mean, max] = [0, 0];
  for (const { work } of recorder.records) {
    const sampled = work.map((rank) => rank.sampled);
    mean += sampled.reduce((sum, value) => sum + value, 0) / sampled.length;
    max += Math.max(...sampled);
  }
  return mean / max;
}

describe("a run whose requests are composed", () => {
  const blind = run("least-in-flight", true);
  const composed = run("composed", true);
  const nodeHops = ({ nodeHopsPerToken }: VirtualRunResult) => nodeHopsPerToken ?? Number.NaN;

  it("serves every request in full", () => {
    expect(composed.result).toMatchObject({ requests: REQUESTS, refused: 0, inputTokens: REQUESTS * 40 });
    expect(composed.recorder.share).toBe(1);
    expect(outputTokens(composed.recorder)).toBe(REQUESTS * 10);
  });

  it("serves every request in full that arrive at once, and have to wait for a place", () => {
    const { result, recorder } = run("composed", true, CROWD, 0);
    expect(outputTokens(recorder)).toBe(CROWD * 10);
    const most = Math.max(...recorder.records.flatMap(({ work }) => work.map(({ sampled }) => sampled)));
    expect(most).toBeLessThanOrEqual(256);
    expect(result.e2eMs?.p99).toBeGreaterThan(2 * (composed.result.e2eMs?.p99 ?? 0));
  });

  it("takes fewer node hops than by fewest in flight: tenants meet where their experts are", () => {
    expect(nodeHops(composed.result)).toBeLessThan(0.8 * nodeHops(blind.result));
  });

  it("stays as well balanced, in experts and in requests", () => {
    expect(composed.result.balancedness).toBeGreaterThan(0.97 * (blind.result.balancedness ?? 1));
    expect(requestBalance(composed.recorder)).toBeGreaterThan(0.95 * requestBalance(blind.recorder));
  });

  it("gains nothing where it is not known whose requests they are", () => {
    const unknown = nodeHops(run("composed", false).result);
    expect(unknown).toBeGreaterThan(1.1 * nodeHops(composed.result));
  });

  it("is the same again", () => {
    expect(run("composed", true).result).toEqual(composed.result);
  });
});
