import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BATCHING } from "../../src/twin/pool/batching.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { gpuWithCache } from "../gpu-with-cache.ts";
import { smallPlan } from "../small-plan.ts";

/** What loadtest/engines/record_vllm_steps.py has recorded of vLLM's own scheduler, with lines as it writes them. */
interface Recorded {
  readonly engine: string;
  readonly cases: readonly {
    readonly name: string;
    readonly pages: number;
    readonly stepTokens: number;
    readonly running: number;
    readonly requests: readonly string[];
    readonly steps: readonly string[];
  }[];
}

const { engine, cases }: Recorded = JSON.parse(
  readFileSync(new URL("vllm-steps.json", import.meta.url), "utf8"),
);
const routing = new SyntheticRouting(SMALL_MODEL, 1);
const plan = smallPlan();
/** Rows by which the tokens of a request are known. */
const ROWS = 128;

describe(`steps that ${engine} made of the same requests`, () => {
  it.each(cases)("$name: the same tokens, the same who gives up, the same pages", (recorded) => {
    const { pages, stepTokens, running, requests, steps } = recorded;
    const { pageTokens } = BATCHING.vllm;
    const pool = new SimulatedPool(
      {
        model: SMALL_MODEL,
        routing,
        dispatch: "even",
        fidelity: "analytic",
        seed: 1,
        batching: { ...BATCHING.vllm, stepTokens, runningPerRank: running },
        hardware: gpuWithCache(pages * pageTokens),
      },
      plan,
    );
    const arrivals = requests.map((line, i) => {
      const [at, inputTokens, outputTokens, blocks] = line.split(" | ");
      const request = {
        id: i + 1,
        rank: 0,
        inputTokens: Number(inputTokens),
        outputTokens: Number(outputTokens),
      };
      return { at: Number(at), ...request, prefixBlocks: blocks.split(" ").map(Number) };
    });
    const made: string[] = [];
    const last = Number(steps.at(-1)?.split(" | ")[0]);
    for (let now = 0; now <= last; now++) {
      for (const { at, ...request } of arrivals) {
        const rows = { base: request.id * ROWS, offset: 0, length: ROWS, tenant: null };
        if (at === now) pool.submit({ ...request, routing: rows });
      }
      const step = pool.step();
      if (step === null) continue;
      const counts = new Map<number, number>();
      for (const row of pool.batch.rows.subarray(0, pool.batch.tokens)) {
        const id = Math.floor(row / ROWS);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      const tokens = [...counts].map(([id, count]) => `${id}:${count}`).join(" ");
      const preempted = step.preempted.toSorted((a, b) => a - b).join(" ");
      made.push(`${now} | ${tokens} | ${preempted} | ${pool.rankStates()[0].kvTokens / pageTokens}`);
    }
    expect(made).toEqual(steps);
    expect(pool.inFlight).toBe(0);
  });

  it("have requests that give up their cache, and prompts that are found in it", () => {
    const gaveUp = cases.flatMap(({ steps }) => steps.filter((step) => step.split(" | ")[2] !== ""));
    expect(gaveUp.length).toBeGreaterThan(20);
    for (const { requests, steps, name } of cases.slice(-3)) {
      const sum = (texts: readonly string[], at: number) =>
        texts.reduce((total, text) => total + Number(text.split(" | ")[at]), 0);
      const forwarded = steps.flatMap((step) => step.split(" | ")[1].split(" "));
      const tokens = forwarded.reduce((total, each) => total + Number(each.split(":")[1]), 0);
      expect(tokens, name).toBeLessThan(sum(requests, 1) + sum(requests, 2) - requests.length);
    }
  });
});
