import { ENGINE_NAMES, type FittedEngine } from "../../model/fitted-engine.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { EngineStart } from "./engine-start.ts";

/** What is to be known before an engine is started so: sentences, none where the words say it all. */
export function startNotes(
  engine: FittedEngine,
  start: EngineStart,
  { checkpoint, precision }: Pick<PlanProblem, "checkpoint" | "precision">,
): string[] {
  const notes: string[] = [];
  const name = ENGINE_NAMES[engine];
  if (checkpoint.name === null) notes.push(`${start.checkpoint} stands for the folder of your weights`);
  if (checkpoint.precision !== precision) {
    const own = `${start.checkpoint} is in ${checkpoint.precision}`;
    notes.push(
      start.quantize === null || engine === "trtllm"
        ? `${own}: give ${name} a checkpoint in ${precision} in its place`
        : `${own}, and ${name} makes ${precision} of it while it loads: a checkpoint in ${precision} starts faster`,
    );
  }
  const { tp, dp } = start.shape;
  if (engine === "trtllm" && tp > 1 && dp > 1)
    notes.push(
      `${name} has attention on one GPU for each rank, or divided over all: it has no TP${tp} × DP${dp}`,
    );
  return notes;
}
