import { CONSUMER_DISPATCHES } from "../../model/consumer-dispatch.ts";
import { fault, wholeNumber } from "./report-field.ts";

const MOST_LETTERS = 64;
const MOST_RANKS = 4096;
/** What float32 may add to a part of 1. */
const ROUNDING = 1e-6;

/** Digests of what a rank has in its memory; null where it has none, or does not say. */
export interface RankDigests {
  /** Of the slots' experts. */
  readonly map: string | null;
  /** Of the table it dispatches by, and of the one it should have. */
  readonly table: string | null;
  readonly expected: string | null;
}

/** What a plug-in says of the engine's own load balancing, beside the counts of a window. */
export interface EngineReport {
  /** With its version. */
  readonly name: string;
  readonly step: number;
  readonly rebalances: number;
  /** In steps; 0: load balancing is off. */
  readonly rebalanceEvery: number;
  readonly dispatch: string;
  /** Σ mean / Σ max over GPUs of what physical slots received; null where they received nothing. */
  readonly balancedness: number | null;
  /** `[ranks]`; empty where it does not say. */
  readonly ranks: readonly RankDigests[];
}

/**
 * Reads `{name, step, rebalances, rebalanceEvery, dispatch, balancedness?, ranks?: [{map?, table?, expected?}]}`.
 * @returns null where there is none
 * @throws InputError naming the field
 */
export function parseEngine(value: unknown): EngineReport | null {
  if (value === undefined || value === null) return null;
  const fields = objectAt("engine", value);
  return {
    name: nameAt("engine.name", fields["name"]),
    step: wholeNumber("engine.step", fields["step"]),
    rebalances: wholeNumber("engine.rebalances", fields["rebalances"]),
    rebalanceEvery: wholeNumber("engine.rebalanceEvery", fields["rebalanceEvery"]),
    dispatch: dispatchAt("engine.dispatch", fields["dispatch"]),
    balancedness: partAt("engine.balancedness", fields["balancedness"] ?? null),
    ranks: ranksAt("engine.ranks", fields["ranks"] ?? []),
  };
}

function ranksAt(field: string, value: unknown): readonly RankDigests[] {
  if (!Array.isArray(value) || value.length > MOST_RANKS)
    throw fault(field, value, `a list of ${MOST_RANKS} ranks at most`);
  return value.map((one: unknown, rank) => {
    const at = `${field}[${rank}]`;
    const fields = objectAt(at, one);
    const digest = (name: keyof RankDigests) => digestAt(`${at}.${name}`, fields[name] ?? null);
    return { map: digest("map"), table: digest("table"), expected: digest("expected") };
  });
}

function objectAt(field: string, value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw fault(field, value, "an object");
}

function nameAt(field: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= MOST_LETTERS) return value;
  throw fault(field, value, `text of 1 to ${MOST_LETTERS} letters`);
}

function dispatchAt(field: string, value: unknown): string {
  const known = CONSUMER_DISPATCHES.find((one) => one === value);
  if (known === undefined) throw fault(field, value, CONSUMER_DISPATCHES.map((one) => `"${one}"`).join(", "));
  return known;
}

function partAt(field: string, value: unknown): number | null {
  if (value === null) return null;
  if (typeof value === "number" && value >= 0 && value <= 1 + ROUNDING) return Math.min(1, value);
  throw fault(field, value, "a number in 0..1, or null");
}

function digestAt(field: string, value: unknown): string | null {
  if (value === null) return null;
  if (typeof value === "string" && value.length <= MOST_LETTERS && /^[0-9a-f]+$/i.test(value))
    return value.toLowerCase();
  throw fault(field, value, `1 to ${MOST_LETTERS} hexadecimal digits, or null`);
}
