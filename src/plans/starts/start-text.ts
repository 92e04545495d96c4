import { FITTED_ENGINES, type FittedEngine } from "../../model/fitted-engine.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { EngineStart, NodeWords, PoolRole, StartWords } from "./engine-start.ts";
import { engineStarts } from "./engine-starts.ts";
import { sglangWords } from "./sglang.ts";
import { startNotes } from "./start-notes.ts";
import { trtllmWords } from "./trtllm.ts";
import { vllmWords } from "./vllm.ts";

export const START_WORDS: Readonly<Record<FittedEngine, StartWords>> = {
  vllm: vllmWords,
  sglang: sglangWords,
  trtllm: trtllmWords,
};

/** In a line for a person, who puts in what a node is. */
const TO_FILL_IN: NodeWords = { rank: "NODE_RANK", first: "FIRST_NODE", own: "THIS_NODE" };

export interface StartTexts extends Readonly<Record<FittedEngine, string>> {
  readonly role: PoolRole;
  /** What the file holds that TensorRT-LLM's start names. */
  readonly trtllmOptions: string;
  /** What is to be known before, by engine. */
  readonly notes: Readonly<Record<FittedEngine, readonly string[]>>;
}

/** How the pools of a unit are started, by each engine. */
export function startTexts(plan: Plan, problem: PlanProblem): StartTexts[] {
  return engineStarts(plan, problem).map((start) => {
    const byEngine = <T>(of: (engine: FittedEngine) => T) =>
      Object.fromEntries(FITTED_ENGINES.map((engine) => [engine, of(engine)])) as Record<FittedEngine, T>;
    return {
      role: start.role,
      ...byEngine((engine) => startText(engine, start)),
      trtllmOptions: trtllmWords(start, TO_FILL_IN).options?.text ?? "",
      notes: byEngine((engine) => startNotes(engine, start, problem)),
    };
  });
}

/** A start as it is typed into a shell. */
export function startText(engine: FittedEngine, start: EngineStart): string {
  const { words, elsewhere, environment } = START_WORDS[engine](start, TO_FILL_IN);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const line = [...variables, ...words.map(quoted)].join(" ");
  const more = elsewhere.length === 0 ? "" : ` (all but the first also ${elsewhere.join(" ")})`;
  return start.nodes > 1 && engine !== "trtllm" ? `on each of ${start.nodes} nodes${more}: ${line}` : line;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
