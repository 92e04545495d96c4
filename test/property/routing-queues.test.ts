import fc from "fast-check";
import { expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import type { RoutableRequest } from "../../src/routing/routable-request.ts";
import { createPolicy } from "../../src/routing/policies.ts";
import { Router } from "../../src/routing/router.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { routable, shardIds } from "../routable-request.ts";
import { runs } from "../runs.ts";

const SHARDS = 8;
/** Requests a shard runs at once; more wait. */
const RUNNING = 4;
/** Tokens per ms of prefill. */
const SPEED = 20;
const REPORT_MS = 500;

interface Job {
  readonly request: RoutableRequest;
  readonly shard: number;
  endMs: number;
}

/** A tenant's requests begin alike; some tenants ask far more often than others. */
function requestOf(rng: Rng): RoutableRequest {
  const tenant = Math.floor(rng.uniform() ** 3 * 20);
  const common = 4 + tenant * 2;
  const own = rng.below(12);
  const prefix = Uint32Array.from({ length: (common + own) * 2 }, (_, i) =>
    i < common * 2 ? tenant * 1000 + i : rng.uint32(),
  );
  const inputTokens = prefix.length * 32;
  return routable({ inputTokens, outputTokens: 50 + rng.below(400), prefix, affinityKey: tenant + 1 });
}

/** Seeded arrivals on first-come-first-served queues. @returns most that ever waited on one shard while three idled */
function worstQueue(seed: number, load: number): { worst: number; waited: number } {
  const rng = new Rng(seed);
  const states = new ShardStates(SHARDS);
  const policy = createPolicy("expert-aware", { shardIds: shardIds(SHARDS), prefixIndexBytes: 1 << 20 });
  const router = new Router(policy, states, rng);
  const running: Job[][] = Array.from({ length: SHARDS }, () => []);
  const waiting: Job[][] = Array.from({ length: SHARDS }, () => []);
  const start = (shard: number, nowMs: number) => {
    const job = waiting[shard].shift();
    if (job === undefined) return;
    const { inputTokens, outputTokens } = job.request;
    job.endMs = nowMs + inputTokens / SPEED + outputTokens;
    states.answered(shard, inputTokens);
    running[shard].push(job);
  };
  let [nowMs, reportMs, worst, waited] = [0, 0, 0, 0];
  for (let i = 0; i < 1500; i++) {
    nowMs += rng.exponential(330 / (load * SHARDS * RUNNING));
    for (let shard = 0; shard < SHARDS; shard++) {
      for (;;) {
        const over = running[shard].toSorted((a, b) => a.endMs - b.endMs)[0];
        if (over === undefined || over.endMs > nowMs) break;
        running[shard].splice(running[shard].indexOf(over), 1);
        states.end(shard, over.request.inputTokens, over.request.outputTokens);
        start(shard, over.endMs);
      }
    }
    if (nowMs >= reportMs) {
      reportMs = nowMs + REPORT_MS;
      for (let shard = 0; shard < SHARDS; shard++) {
        states.report(shard, { running: running[shard].length, waiting: waiting[shard].length }, null, null);
      }
    }
    const request = requestOf(rng);
    const shard = router.choose(request);
    states.begin(shard, request.inputTokens, request.outputTokens);
    waiting[shard].push({ request, shard, endMs: 0 });
    if (running[shard].length < RUNNING) start(shard, nowMs);
    const longest = Math.max(...waiting.map((queue) => queue.length));
    waited = Math.max(waited, longest);
    if (running.filter((jobs) => jobs.length === 0).length >= 3) worst = Math.max(worst, longest);
  }
  return { worst, waited };
}

it("no rank has a queue while three are idle, whatever prefixes and sessions pull there", () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(0.1, 0.3, 0.6), (seed, load) => {
      expect(worstQueue(seed, load).worst).toBeLessThanOrEqual(1);
    }),
    { seed: 5, numRuns: runs(12) },
  );
});

it("there are queues when there is more than the pool can do", () => {
  expect(worstQueue(1, 1.3).waited).toBeGreaterThan(3);
});
