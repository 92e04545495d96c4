import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BATCHING, type Batching } from "../../src/twin/pool/batching.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { gpuWithCache } from "../gpu-with-cache.ts";
import { smallPlan } from "../small-plan.ts";

/** What the recorders in loadtest/engines have recorded of the engines' own code, with lines as made_up_requests.py has them. */
interface Recorded {
  readonly engine: "vllm" | "sglang";
  readonly version: string;
  readonly prefixCache: boolean;
  readonly cases: readonly RecordedCase[];
}

interface RecordedCase {
  readonly name: string;
  /** Of cache, the engine's. */
  readonly pages: number;
  readonly stepTokens: number;
  readonly running: number;
  readonly mixed?: boolean;
  readonly requests: readonly string[];
  readonly steps: readonly string[];
}

const recordings = ["vllm-steps.json", "sglang-steps.json"].map(
  (name): Recorded => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")),
);
const routing = new SyntheticRouting(SMALL_MODEL, 1);
const plan = smallPlan();
/** Rows by which the tokens of a request are known. */
const ROWS = 128;

const parts = (line: string) => line.split(" | ").map((part) => part.trim());

function batchingOf(
  { engine, prefixCache }: Recorded,
  { stepTokens, running, mixed }: RecordedCase,
): Batching {
  const limits = { stepTokens, runningPerRank: running, prefixCache };
  return engine === "vllm"
    ? { ...BATCHING.vllm, ...limits }
    : { ...BATCHING.sglang, ...limits, mixed: mixed ?? false };
}

/** What a simulated rank makes of the requests of a recording, as that has it. */
function play(recorded: Recorded, { pages, requests, steps, ...sizes }: RecordedCase): string[] {
  const batching = batchingOf(recorded, { pages, requests, steps, ...sizes });
  const { pageTokens } = batching;
  const options = { model: SMALL_MODEL, routing, dispatch: "even", fidelity: "analytic", seed: 1 } as const;
  const pool = new SimulatedPool({ ...options, batching, hardware: gpuWithCache(pages * pageTokens) }, plan);
  const arrivals = requests.map((line, i) => {
    const [at, inputTokens, outputTokens, blocks] = parts(line);
    const request = {
      id: i + 1,
      rank: 0,
      inputTokens: Number(inputTokens),
      outputTokens: Number(outputTokens),
    };
    const rows = { base: request.id * ROWS, offset: 0, length: ROWS, tenant: null };
    return { at: Number(at), ...request, routing: rows, prefixBlocks: blocks.split(" ").map(Number) };
  });
  const made: string[] = [];
  const last = Number(parts(steps[steps.length - 1])[0]);
  for (let now = 0; now <= last; now++) {
    for (const { at, ...request } of arrivals) if (at === now) pool.submit(request);
    const step = pool.step();
    if (step === null) continue;
    const counts = new Map<number, number>();
    for (const row of pool.batch.rows.subarray(0, pool.batch.tokens)) {
      const id = Math.floor(row / ROWS);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const tokens = [...counts].toSorted(([a], [b]) => a - b).map(([id, count]) => `${id}:${count}`);
    const preempted = step.preempted.toSorted((a, b) => a - b);
    const used = Math.round(pool.rankStates()[0].kvTokens) / pageTokens;
    made.push(`${now} | ${tokens.join(" ")} | ${preempted.join(" ")} | ${used}`);
  }
  expect(pool.inFlight).toBe(0);
  return made;
}

describe.each(recordings)("steps that the code of $engine $version makes", (recorded) => {
  it.each(recorded.cases)("$name: the same tokens, the same who gives up, the same pages", (one) => {
    expect(play(recorded, one)).toEqual(one.steps);
  });

  it("have requests that give up their cache", () => {
    const gaveUp = recorded.cases.filter(({ steps }) => steps.some((step) => parts(step)[2] !== ""));
    expect(gaveUp.length).toBeGreaterThan(recorded.cases.length / 2);
  });
});

it("vLLM found in the cache what prompts have alike", () => {
  const alike = recordings[0].cases.filter(({ name }) => name.startsWith("prompts alike"));
  expect(alike.length).toBeGreaterThan(0);
  for (const { requests, steps } of alike) {
    const sum = (at: number) => requests.reduce((total, line) => total + Number(parts(line)[at]), 0);
    const forwarded = steps.flatMap((step) => parts(step)[1].split(" "));
    const tokens = forwarded.reduce((total, each) => total + Number(each.split(":")[1]), 0);
    // The last token of an answer is made, not forwarded.
    expect(tokens).toBeLessThan(sum(1) + sum(2) - requests.length);
  }
});
