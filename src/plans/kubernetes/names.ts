import type { PoolRole } from "../starts/engine-start.ts";

/** With what is put behind them names stay within the 63 letters of a label. */
const LONGEST = 32;

/** A part of a plan in Kubernetes: a pool's engines, what pairs them, the gateway. */
export type PartName = PoolRole | "pairs" | "gateway";

/** A model's name as a DNS label: of small letters, digits and dashes, beginning with a letter. */
export function planName(model: string): string {
  const dashed = model
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, LONGEST)
    .replace(/-+$/, "");
  return dashed === "" ? "plan" : dashed;
}

export function roleName(model: string, part: PartName): string {
  return `${planName(model)}-${part}`;
}

/** Where a unit's first pod answers: a name of the headless Service that has the set's own name. */
export function unitName(set: string, unit: number): string {
  return `${set}-${unit}.${set}`;
}

/** What selectors go by. */
export function labelsOf(model: string, part: PartName): Readonly<Record<string, string>> {
  return { "app.kubernetes.io/instance": planName(model), "app.kubernetes.io/component": part };
}
