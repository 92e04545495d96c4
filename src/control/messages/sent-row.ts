import { type Shape, demand, number, record, text, whole } from "../../lib/shape.ts";
import { counts } from "../../model/count-bytes.ts";

/** What one source rank has sent, worked out where it reported. */
export interface SentRow {
  readonly rank: number;
  /** What it reported, ms. */
  readonly spanMs: number;
  /** `[units]` of the pool's exchange (`exchangeUnits`): selections. */
  readonly selections: Float32Array;
  /** Of these, of experts on the rank itself. */
  readonly own: number;
}

/** In JSON: selections as float32, little-endian, in base64. */
interface Stored extends Omit<SentRow, "selections"> {
  readonly selections: string;
}

export const storedRow: Shape<Stored> = record<Stored>({
  rank: whole(),
  spanMs: number(0),
  selections: text,
  own: number(0),
});

export function encodeRow({ selections, ...row }: SentRow): Stored {
  const { buffer, byteOffset, byteLength } = selections;
  return { ...row, selections: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
}

/** @throws Unreadable */
export function decodeRow({ selections, ...row }: Stored): SentRow {
  demand(row.spanMs > 0, "it has sent something in no time");
  return { ...row, selections: counts(Buffer.from(selections, "base64")) };
}
