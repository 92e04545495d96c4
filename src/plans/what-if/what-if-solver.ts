import { Solver } from "../../control/solve/solver.ts";

/** The thread ends by itself before that, with what it has; what takes longer nevertheless is given up. */
const TIMEOUT_MS = 40_000;
/** The same while others wait. */
const SLICE_MS = 20_000;

/** Answers what-ifs of running pools in a thread of its own, as long as somebody waits for it. */
export function whatIfSolver(): Solver {
  const file = new URL("./what-if-worker.ts", import.meta.url);
  return new Solver(async () => [], TIMEOUT_MS, SLICE_MS, file, true);
}
