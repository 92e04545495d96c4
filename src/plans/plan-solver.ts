import { Solver } from "../control/solve/solver.ts";
import { entryFile } from "../files/package-files.ts";

/** A thread answers within `DEADLINE_MS` with the best it has; what takes longer nevertheless is given up. */
const TIMEOUT_MS = 40_000;
/** The same while others wait. */
const SLICE_MS = 20_000;

/** Answers questions of `POST /ep/v1/plan`, in a thread of its own, as long as somebody waits for it. */
export function planSolver(timeoutMs = TIMEOUT_MS): Solver {
  return new Solver(async () => [], timeoutMs, SLICE_MS, entryFile("plans/plan-worker"), true);
}
