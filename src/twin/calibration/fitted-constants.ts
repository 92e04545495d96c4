import { COMPONENTS, type ComponentName } from "./constants.ts";
import type { Table } from "./factors.ts";

/** Constants as config/calibration/serving.json has them: of each its base, and its factors by kind of level. */
export type FittedConstants = Readonly<
  Record<
    string,
    { readonly base: number; readonly factors: Readonly<Record<string, Readonly<Record<string, number>>>> }
  >
>;

/** What a file of constants comes to. Names that are not known (an older file's) are ignored. */
export function tableOf(constants: FittedConstants): Table {
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
