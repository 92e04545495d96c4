import type { ConstantsFile } from "../../config/calibration/constants-file.ts";
import { COMPONENTS, COMPONENT_NAMES } from "../../twin/calibration/constants.ts";
import type { Fit } from "../../twin/calibration/fit.ts";

/** Factors as close to 1 as this are left out. */
const NEXT_TO_NOTHING = 5e-4;

/** But for these, which say what the constants have seen. */
const KEPT = new Set(["family", "backend", "generation"]);

/** Fitted constants as a file has them. */
export function constantsOfFit({ table, deviations }: Fit): ConstantsFile["constants"] {
  const constants: ConstantsFile["constants"] = {};
  for (const component of COMPONENT_NAMES) {
    const { meaning, unit, prior } = COMPONENTS[component];
    const factors: Record<string, Record<string, number>> = {};
    for (const [term, log] of table) {
      const [name, kind, ...level] = term.split("/");
      if (name !== component || kind === undefined) continue;
      if (Math.abs(log) < NEXT_TO_NOTHING && !KEPT.has(kind)) continue;
      factors[kind] ??= {};
      factors[kind][level.join("/")] = digits(Math.exp(log));
    }
    constants[component] = {
      meaning,
      unit,
      base: digits(prior * Math.exp(table.get(component) ?? 0)),
      uncertainty: digits(deviations.get(component) ?? 0, 2),
      factors,
    };
  }
  return constants;
}

function digits(value: number, count = 4): number {
  return Number(value.toPrecision(count));
}
