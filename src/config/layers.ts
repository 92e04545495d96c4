import { variableOf } from "./environment-names.ts";
import { type Section, isSection } from "./section.ts";

/** Sections are merged, everything else is replaced. */
export function layOver(below: Section, above: Section): Section {
  const merged: Section = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const base = merged[name];
    merged[name] = isSection(base) && isSection(value) ? layOver(base, value) : value;
  }
  return merged;
}

/** A section of which the environment has given some settings. */
export interface Overridden {
  readonly settings: Section;
  /** The variable that gave a setting, by its path, e.g. `http.port`. */
  readonly variables: ReadonlyMap<string, string>;
}

/**
 * Lays `PLIMSOLL_…` variables over the settings; those that name no setting change nothing.
 * @param defaults which settings there are
 * @param takesNumber whether a setting takes a number, by its path
 */
export function layEnvironmentOver(
  settings: Section,
  defaults: Section,
  environment: NodeJS.ProcessEnv,
  takesNumber: (path: readonly string[]) => boolean,
): Overridden {
  const variables = new Map<string, string>();
  const lay = (target: Section, known: Section, path: readonly string[]): Section => {
    const laid: Section = { ...target };
    for (const [name, value] of Object.entries(known)) {
      const here = [...path, name];
      const inner = laid[name];
      if (isSection(value)) {
        if (isSection(inner)) laid[name] = lay(inner, value, here);
        continue;
      }
      const variable = variableOf(here);
      const given = environment[variable];
      if (Array.isArray(value) || given === undefined) continue;
      laid[name] = typed(given, typeof value === "boolean", takesNumber(here));
      variables.set(here.join("."), variable);
    }
    return laid;
  };
  return { settings: lay(settings, defaults, []), variables };
}

/** What is no value of the setting's type stays text, so that the shape check can show it. */
function typed(given: string, isFlag: boolean, isNumber: boolean): unknown {
  if (isFlag && (given === "true" || given === "false")) return given === "true";
  if (!isNumber || given.trim() === "") return given;
  const number = Number(given);
  return Number.isNaN(number) ? given : number;
}
