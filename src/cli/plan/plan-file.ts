import { InputError } from "../../lib/errors.ts";
import { type SavedPlan, readSavedPlan } from "../../plans/saved-plan.ts";
import { readInput } from "../output.ts";

/** A plan.json. @throws InputError */
export async function readPlanFile(path: string): Promise<SavedPlan> {
  const bytes = await readInput(path);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new InputError(path, "", "is no JSON; expected the plan.json of a plan");
  }
  return readSavedPlan(value, path);
}
