import { expect, it } from "vitest";
import { gpuCount } from "../../src/model/topology.ts";
import type { RoutingPolicy } from "../../src/model/routing-policy.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";
import { virtualRun } from "../../src/twin/run/virtual-run.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { silentObserver } from "../silent-observer.ts";
import { twoTenants } from "../two-tenants.ts";

const REQUESTS = 200;
const { trace, tenants } = twoTenants(SMALL_MODEL.experts, SMALL_MODEL.topk, 40, 50);

function run(policy: RoutingPolicy, seed: number): { readonly nodeHops: number; readonly most: number } {
  const routing = new TraceRouting(trace, tenants);
  const tokens = new Float64Array(gpuCount(SMALL_TOPOLOGY));
  const observer = silentObserver({
    request: ({ rank, inputTokens, outputTokens }) => {
      tokens[rank ?? -1] += inputTokens + outputTokens;
    },
  });
  const steps = virtualRun({
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    routing,
    traffic: Array.from({ length: REQUESTS }, (_, i) => ({
      arrivalMs: i * 10,
      inputTokens: 600 + ((i * 37) % 400),
      outputTokens: 20,
    })),
    durationMs: 1e6,
    cadence: { sharesMs: 50, placementMs: 250 },
    assignment: policy,
    observer,
    seed,
    recorder: new StepRecorder(0),
  });
  for (;;) {
    const next = steps.next();
    if (next.done !== true) continue;
    expect(next.value).toMatchObject({ requests: REQUESTS, refused: 0 });
    const mean = tokens.reduce((sum, some) => sum + some, 0) / tokens.length;
    return { nodeHops: next.value.nodeHopsPerToken ?? Number.NaN, most: Math.max(...tokens) / mean };
  }
}

it.each([1, 2])("expert-aware takes fewer node hops, and loads ranks as evenly: seed %i", (seed) => {
  const blind = run("cache-aware", seed);
  const aware = run("expert-aware", seed);
  expect(aware.nodeHops).toBeLessThan(0.85 * blind.nodeHops);
  // Of 50 requests a rank, dealt out at random among ranks as good, the fullest rank has a sixth more than the mean.
  expect(blind.most).toBeLessThan(1.2);
  expect(aware.most).toBeLessThan(1.2);
});
