/** Settings by name; some are sections of their own. */
export type Section = Record<string, unknown>;

export function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

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
 * Lays `PLIMSOLL_…` variables over the settings; those that name no setting are not ours and are left alone.
 * @param defaults which settings there are, and which of them are numbers
 */
export function layEnvironmentOver(
  settings: Section,
  defaults: Section,
  environment: NodeJS.ProcessEnv,
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
      const variable = `PLIMSOLL_${here.map(capitals).join("_")}`;
      const given = environment[variable];
      if (Array.isArray(value) || given === undefined) continue;
      laid[name] = typeof value === "number" ? numberOrText(given) : given;
      variables.set(here.join("."), variable);
    }
    return laid;
  };
  return { settings: lay(settings, defaults, []), variables };
}

/** What is no number stays text, so that the shape check can show it. */
function numberOrText(value: string): number | string {
  const number = Number(value);
  return value.trim() === "" || Number.isNaN(number) ? value : number;
}

/** `bodyLimitBytes` → `BODY_LIMIT_BYTES` */
function capitals(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
