import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";

/** What an engine says of its experts: one rank's counts, or the whole pool's. */
export interface LoadReport {
  /** The rank that counted; null for counts summed over all ranks. */
  readonly rank: number | null;
  /** The span the tokens were counted in, ms. */
  readonly windowMs: number;
  readonly load: ExpertLoad;
}

/** The shape a pool's reports must have. */
export interface ReportShape {
  readonly layers: number;
  readonly experts: number;
  readonly gpus: number;
}

/**
 * Reads `{rank?, windowMs, logical_count: [layers][experts]}`.
 * @throws InputError naming the field
 */
export function parseLoadReport(body: Record<string, unknown>, shape: ReportShape): LoadReport {
  const { layers, experts } = shape;
  const windowMs = body["windowMs"];
  if (typeof windowMs !== "number" || !(windowMs > 0) || !Number.isFinite(windowMs)) {
    throw fault("windowMs", windowMs, "milliseconds > 0");
  }
  const rank = body["rank"] === undefined ? null : parseRank(body["rank"], shape.gpus);
  const rows = body["logical_count"];
  if (!Array.isArray(rows) || rows.length !== layers) throw fault("logical_count", rows, `${layers} layers`);
  const tokens = new Float64Array(layers * experts);
  for (let layer = 0; layer < layers; layer++) {
    const row: unknown = rows[layer];
    if (!Array.isArray(row) || row.length !== experts)
      throw fault(`logical_count[${layer}]`, row, `${experts} experts`);
    for (let expert = 0; expert < experts; expert++) {
      const count: unknown = row[expert];
      if (typeof count !== "number" || !(count >= 0) || !Number.isFinite(count)) {
        throw fault(`logical_count[${layer}][${expert}]`, count, "a number ≥ 0");
      }
      tokens[layer * experts + expert] = count;
    }
  }
  return { rank, windowMs, load: { layers, experts, tokens } };
}

/** A rank of a pool of `gpus` ranks. @throws InputError */
export function parseRank(value: unknown, gpus: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < gpus) return value;
  throw fault("rank", value, `a rank in 0..${gpus - 1}`);
}

function fault(field: string, found: unknown, expected: string): InputError {
  return new InputError("body", field, `is ${described(found)}; expected ${expected}`);
}

function described(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value).slice(0, 40);
}
