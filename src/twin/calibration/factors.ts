import {
  COMPONENTS,
  COMPONENT_NAMES,
  type ComponentName,
  type Constants,
  LEVELS,
  type LevelKind,
} from "./constants.ts";
import type { ServingPoint } from "./serving-point.ts";

/** Logarithms: of each base relative to its prior, and of each level's factor. Names are `component` and `component/kind/level`. */
export type Table = ReadonlyMap<string, number>;

/** The level of a user's own measurements, which every point has. */
const OWN_LEVEL = "own/here";

/** Components that a user's own measurements set, and how far they may be from what is shipped. */
export const OWN: Readonly<Partial<Record<ComponentName, number>>> = {
  tpot: 0.3,
  prefillFlops: 0.3,
  first: 0.7,
  ttft: 0.5,
};

/** Names of a component's base and of the levels that a point has of it. */
export function termsOf(component: ComponentName, point: ServingPoint): string[] {
  const terms: string[] = [component];
  for (const kind of Object.keys(COMPONENTS[component].levels) as LevelKind[]) {
    terms.push(`${component}/${kind}/${LEVELS[kind](point)}`);
  }
  return terms;
}

/** The term of a component that a user's own measurements set; none of most. */
export function ownTermsOf(component: ComponentName): string[] {
  return OWN[component] === undefined ? [] : [`${component}/${OWN_LEVEL}`];
}

/** How far a term's logarithm is from 0 beforehand. */
export function spreadOf(term: string): number {
  const [component, kind] = term.split("/") as [ComponentName, string | undefined];
  const { spread, levels } = COMPONENTS[component];
  if (kind === "own") return OWN[component] ?? spread;
  return kind === undefined ? spread : (levels as Record<string, number>)[kind];
}

/** What a table adds to the logarithm of a component of a point. A level that it does not know adds nothing. */
export function logOf(table: Table, component: ComponentName, point: ServingPoint): number {
  let log = 0;
  for (const term of termsOf(component, point)) log += table.get(term) ?? 0;
  for (const term of ownTermsOf(component)) log += table.get(term) ?? 0;
  return log;
}

/** A point's constants by a table of logarithms. */
export function constantsOf(table: Table, point: ServingPoint): Constants {
  return constantsAt(COMPONENT_NAMES.map((component) => logOf(table, component, point)));
}

/** @param logs of every component, relative to its prior */
export function constantsAt(logs: readonly number[]): Constants {
  const constants = {} as Record<ComponentName, number>;
  COMPONENT_NAMES.forEach((name, i) => {
    constants[name] = COMPONENTS[name].prior * Math.exp(logs[i]);
  });
  return constants;
}

/** Whether a table has seen points of the same shape of model, of the same backend, and of such GPUs. */
export function isKnown(table: Table, { family, backend, gpu }: ServingPoint): boolean {
  const levels = [`family/${family}`, `backend/${backend}`, `generation/${gpu.generation}`];
  return levels.every((level) => table.has(`experts/${level}`));
}
