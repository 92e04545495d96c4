import { InputError } from "../../lib/errors.ts";
import type { Incarnation } from "../messages/pool-message.ts";
import { COUNTED, type Counted } from "../messages/received-counts.ts";
import type { ReportShape } from "../messages/report-shape.ts";
import { type EngineReport, parseEngine } from "./engine-report.ts";
import { fault, wholeNumber } from "./report-field.ts";

/** What an engine says of its experts: one rank's counts, or the whole pool's. */
export interface LoadReport {
  /** The rank that counted; null for counts summed over all ranks. */
  readonly rank: number | null;
  /** Which window of that rank's: a number that grows. Null where it does not say; the same may then be counted twice. */
  readonly window: number | null;
  /** Which start of the rank counted: windows are numbered within it. */
  readonly incarnation: Incarnation;
  /** The span the tokens were counted in, ms. */
  readonly windowMs: number;
  /** What its counts are of. Those of the whole pool are its load either way: `source`. */
  readonly counted: Counted;
  /** `[layers][experts]`: tokens. */
  readonly counts: Uint32Array | Float64Array;
  /** The state of the engine's own load balancing, where it balances by itself and says so. */
  readonly engine: EngineReport | null;
}

/** Longer windows say nothing that a balancer could use. */
const MOST_WINDOW_MS = 3_600_000;

/**
 * Reads `{rank?, window?, incarnation?, windowMs, counts?, logical_count: [layers][experts], engine?}`.
 * @throws InputError naming the field
 */
export function parseLoadReport(body: Record<string, unknown>, shape: ReportShape): LoadReport {
  const { layers, experts } = shape;
  const windowMs = parseWindowMs(body["windowMs"]);
  const rank = body["rank"] === undefined ? null : parseRank(body["rank"], shape.gpus);
  const window = body["window"] === undefined ? null : wholeNumber("window", body["window"]);
  const counted = ofRank(rank, parseCounted(body["counts"]));
  const rows = body["logical_count"];
  if (!Array.isArray(rows) || rows.length !== layers) throw fault("logical_count", rows, `${layers} layers`);
  const counts = new Float64Array(layers * experts);
  for (let layer = 0; layer < layers; layer++) {
    const row: unknown = rows[layer];
    if (!Array.isArray(row) || row.length !== experts)
      throw fault(`logical_count[${layer}]`, row, `${experts} experts`);
    for (let expert = 0; expert < experts; expert++) {
      const count: unknown = row[expert];
      if (typeof count !== "number" || !(count >= 0) || !Number.isFinite(count)) {
        throw fault(`logical_count[${layer}][${expert}]`, count, "a number ≥ 0");
      }
      counts[layer * experts + expert] = count;
    }
  }
  const engine = parseEngine(body["engine"]);
  return { rank, window, incarnation: parseIncarnation(body), windowMs, counted, counts, engine };
}

/** The field `incarnation`, which was called `run` once. Null where it is absent, or 0. @throws InputError */
export function parseIncarnation(body: Record<string, unknown>): Incarnation {
  const field = body["incarnation"] === undefined && body["run"] !== undefined ? "run" : "incarnation";
  const value = body[field];
  return value === undefined || value === null ? null : said(wholeNumber(field, value));
}

/** 0 says nothing. */
function said(incarnation: number): Incarnation {
  return incarnation === 0 ? null : incarnation;
}

const MAGIC = 0x444c5045;
const VERSION = 1;
const HEAD_BYTES = 48;
/** The rank that stands for the whole pool. */
const WHOLE_POOL = -1;
/** The flag of counts of what was received; there is no other yet. */
const RECEIVED = 1;

/**
 * Reads a report in bytes, little-endian: `EPLD` at 0; uint16 version 1 at 4, flags at 6; int32 rank at 8 (−1 for the whole pool);
 * uint32 layers at 12, experts at 16; uint64 window at 24, incarnation at 32 (0 for none); float64 windowMs at 40; from 48 on the counts
 * `[layers][experts]` as uint32. What lies between is 0. Flag 1: it counts what was received.
 * @throws InputError naming the field
 */
export function parseBinaryLoad(bytes: Uint8Array, shape: ReportShape): LoadReport {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_BYTES || view.getUint32(0, true) !== MAGIC)
    throw new InputError(
      "body",
      "",
      `is no load report; expected ${HEAD_BYTES} bytes that begin with EPLD, then counts`,
    );
  const version = view.getUint16(4, true);
  if (version !== VERSION) throw fault("version", version, `${VERSION}`);
  const flags = view.getUint16(6, true);
  if ((flags & ~RECEIVED) !== 0) throw fault("flags", flags, `0, or ${RECEIVED} for received tokens`);
  const number = view.getInt32(8, true);
  const { layers, experts, gpus } = shape;
  if (view.getUint32(12, true) !== layers) throw fault("layers", view.getUint32(12, true), `${layers}`);
  if (view.getUint32(16, true) !== experts) throw fault("experts", view.getUint32(16, true), `${experts}`);
  const expected = HEAD_BYTES + 4 * layers * experts;
  if (bytes.length !== expected)
    throw new InputError(
      "body",
      "",
      `has ${bytes.length} bytes; expected ${expected} for ${layers} × ${experts} counts`,
    );
  const rank = number === WHOLE_POOL ? null : parseRank(number, gpus);
  return {
    rank,
    window: wholeNumber("window", Number(view.getBigUint64(24, true))),
    incarnation: said(wholeNumber("incarnation", Number(view.getBigUint64(32, true)))),
    windowMs: parseWindowMs(view.getFloat64(40, true)),
    counted: ofRank(rank, flags === RECEIVED ? "received" : "source"),
    counts: uint32At(bytes, HEAD_BYTES, layers * experts),
    engine: null,
  };
}

/** Without a copy where the bytes lie so that there need be none. */
function uint32At(bytes: Uint8Array, offset: number, length: number): Uint32Array {
  const at = bytes.byteOffset + offset;
  return at % 4 === 0
    ? new Uint32Array(bytes.buffer, at, length)
    : new Uint32Array(new Uint8Array(bytes.subarray(offset)).buffer);
}

/** A rank of a pool of `gpus` ranks. @throws InputError */
export function parseRank(value: unknown, gpus: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < gpus) return value;
  throw fault("rank", value, `a rank in 0..${gpus - 1}`);
}

function parseCounted(value: unknown): Counted {
  if (value === undefined) return "source";
  const known = COUNTED.find((one) => one === value);
  if (known === undefined) throw fault("counts", value, COUNTED.map((one) => `"${one}"`).join(" or "));
  return known;
}

/** @throws InputError for tokens received by nobody */
function ofRank(rank: number | null, counted: Counted): Counted {
  if (rank === null && counted === "received")
    throw new InputError(
      "body",
      "rank",
      'is missing; received tokens are counted by rank, and a report of the whole pool has no "counts"',
    );
  return counted;
}

function parseWindowMs(value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= MOST_WINDOW_MS) return value;
  throw fault("windowMs", value, `milliseconds > 0, at most ${MOST_WINDOW_MS}`);
}
