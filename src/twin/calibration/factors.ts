import { COMPONENTS, COMPONENT_NAMES, type ComponentName, type Constants, LEVELS, type LevelKind } from "./constants.ts";
import type { ServingPoint } from "./serving-point.ts";

/** Logarithms: of each base relative to its prior, and of each level's factor. Names are `component` and `component/kind/level`. */
export type Table = ReadonlyMap<string, number>;

/** Names of a component's base and of the levels that a point has of it. */
export function termsOf(component: ComponentName, point: ServingPoint): string[] {
  const terms: string[] = [component];
  for (const kind of Object.keys(COMPONENTS[component].levels) as LevelKind[]) {
    terms.push(`${component}/${kind}/${LEVELS[kind](point)}`);
  }
  return terms;
}

/** How far a term's logarithm is from 0 beforehand. */
export function spreadOf(term: string): number {
  const [component, kind] = term.split("/");
  const { spread, levels } = COMPONENTS[component as ComponentName];
  return kind === undefined ? spread : (levels as Record<string, number>)[kind];
}

/** A point's constants. A level that the table does not know changes nothing. */
export function constantsOf(table: Table, point: ServingPoint): Constants {
  const constants = {} as Record<ComponentName, number>;
  for (const component of COMPONENT_NAMES) {
    let log = Math.log(COMPONENTS[component].prior);
    for (const term of termsOf(component, point)) log += table.get(term) ?? 0;
    constants[component] = Math.exp(log);
  }
  return constants;
}
