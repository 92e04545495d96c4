import loadHighs from "highs";

// The package types its CommonJS build; its ES module exports the loader itself.
const highs = await (loadHighs as unknown as typeof loadHighs.default)();

/**
 * The least value of a linear or integer program, as HiGHS finds it.
 * @param program in CPLEX's LP format
 */
export function leastValue(program: string): number {
  // The presolve of HiGHS 1.15 calls some feasible integer programs infeasible.
  const solution = highs.solve(program, { output_flag: false, presolve: "off" });
  if (solution.Status !== "Optimal") throw new Error(`HiGHS says ${solution.Status}`);
  return solution.ObjectiveValue;
}
