import { Solver } from "../../control/solve/solver.ts";
import { entryFile } from "../../files/package-files.ts";

/** The thread ends by itself before that, with what it has; what takes longer nevertheless is given up. */
const TIMEOUT_MS = 40_000;
/** The same while others wait. */
const SLICE_MS = 20_000;

/** Answers what-ifs of running pools in a thread of its own, as long as somebody waits for it. */
export function whatIfSolver(): Solver {
  const file = entryFile("plans/what-if/what-if-worker");
  return new Solver(async () => [], TIMEOUT_MS, SLICE_MS, file, true);
}
