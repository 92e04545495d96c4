import { nearestWord } from "../lib/edit-distance.ts";
import { oneLine } from "../lib/printable.ts";
import { type Section, isSection } from "./section.ts";

/** The local workers' way to their primary, and the settings of engines' plug-ins. */
const OTHERS = new Set([
  "PLIMSOLL_OPERATOR_SOCKET",
  "PLIMSOLL_URL",
  "PLIMSOLL_KEY",
  "PLIMSOLL_TIMEOUT_S",
  "PLIMSOLL_DATA",
]);

/** Kubernetes gives every container such variables for each Service of its namespace. */
const KUBERNETES = /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?$/;
const KUBERNETES_PORT = /^(?:tcp|udp|sctp):\/\//;

/**
 * A line for every variable that looks like a setting and is none. Values are not repeated.
 * @param settings the variables of all settings
 * @param named variables that the configuration names by itself
 */
export function unknownVariables(
  environment: NodeJS.ProcessEnv,
  settings: readonly string[],
  named: ReadonlySet<string>,
): string[] {
  const lines: string[] = [];
  for (const [name, value = ""] of Object.entries(environment)) {
    if (!name.startsWith("PLIMSOLL_") || settings.includes(name) || OTHERS.has(name) || named.has(name))
      continue;
    if (KUBERNETES.test(name) || (name.endsWith("_PORT") && KUBERNETES_PORT.test(value))) continue;
    const deeper = settings.find((known) => known.endsWith(name.slice("PLIMSOLL".length)));
    const meant = deeper ?? nearestWord(name, settings);
    const hint = meant === null ? "remove it or correct its name" : `did you mean ${meant}?`;
    lines.push(`${oneLine(name, 80)}: is no setting and changes nothing; ${hint}`);
  }
  return lines;
}

/** The environment variable of each setting that can be given by one: `http.port` → `PLIMSOLL_HTTP_PORT`. */
export function settingVariables(defaults: Section, path: readonly string[] = []): string[] {
  return Object.entries(defaults).flatMap(([name, value]) => {
    const here = [...path, name];
    if (isSection(value)) return settingVariables(value, here);
    return Array.isArray(value) ? [] : [variableOf(here)];
  });
}

/** The variable of a setting, by its path. */
export function variableOf(path: readonly string[]): string {
  return `PLIMSOLL_${path.map(capitals).join("_")}`;
}

/** `bodyLimitBytes` → `BODY_LIMIT_BYTES` */
function capitals(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
