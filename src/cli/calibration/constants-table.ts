import type { ConstantsFile } from "../../config/calibration/constants-file.ts";
import { COMPONENTS, COMPONENT_NAMES, type ComponentName } from "../../twin/calibration/constants.ts";
import type { Table } from "../../twin/calibration/factors.ts";
import type { Fit } from "../../twin/calibration/fit.ts";

/** Factors as close to 1 as this are left out. */
const NEXT_TO_NOTHING = 5e-4;

/** But for these, which say what the constants have seen. */
const KEPT = new Set(["family", "backend", "generation"]);

/** What a file of constants comes to. Names that are not known (an older file's) are ignored. */
export function tableOf({ constants }: ConstantsFile): Table {
  const table = new Map<string, number>();
  for (const [name, { base, factors }] of Object.entries(constants)) {
    const component = COMPONENTS[name as ComponentName];
    if (component === undefined) continue;
    table.set(name, Math.log(base / component.prior));
    for (const [kind, levels] of Object.entries(factors)) {
      for (const [level, factor] of Object.entries(levels))
        table.set(`${name}/${kind}/${level}`, Math.log(factor));
    }
  }
  return table;
}

/** The same as a file has it. */
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
