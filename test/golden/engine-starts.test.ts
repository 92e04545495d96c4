import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { FITTED_ENGINES, type FittedEngine } from "../../src/model/fitted-engine.ts";
import type { EngineCommand, EngineStart, NodeWords } from "../../src/plans/starts/engine-start.ts";
import { START_WORDS, startText } from "../../src/plans/starts/start-text.ts";

type Written = Omit<EngineCommand, "words"> & { readonly words: string };

interface Starts {
  readonly node: NodeWords;
  readonly starts: readonly (Readonly<Record<FittedEngine, Written>> & { readonly start: EngineStart })[];
}

/** Words that the engines' own parsers and checks take, and what they make of them (loadtest/engines/parse_starts.py). */
const { node, starts }: Starts = JSON.parse(
  await readFile(new URL("engine-starts.json", import.meta.url), "utf8"),
);

describe.each(FITTED_ENGINES)("%s", (engine) => {
  test.each(starts.map(({ start }, i) => [`${start.name} ${start.role}`, i]))("%s", (_, i) => {
    const command = START_WORDS[engine](starts[i].start, node);
    expect({ ...command, words: command.words.join(" ") }).toEqual(starts[i][engine]);
  });
});

test("experts and redundant ones fill the slots of all GPUs", () => {
  const left = starts.map(({ start }) => (start.experts + start.redundantExperts) % start.shape.ep);
  expect(new Set(left)).toEqual(new Set([0]));
});

test("as it is typed: JSON in quotes, and what a node is left open", () => {
  const { start } = starts[4];
  const text = startText("vllm", start);
  expect(text).toMatch(/^on each of 2 nodes \(all but the first also --headless\): VLLM_NIXL_/);
  expect(text).toContain(`--eplb-config '{"num_redundant_experts":16}'`);
  expect(text).toContain("--node-rank NODE_RANK --master-addr FIRST_NODE");
  expect(startText("trtllm", start)).toMatch(/^mpirun -n 16 -N 8 trtllm-llmapi-launch trtllm-serve /);
});
