import { type Shape, demand, number, orElse, record, text, whole } from "../../lib/shape.ts";
import { counts, thousandBytes, thousands } from "../../model/count-bytes.ts";

/** What one source rank has sent, worked out where it reported. */
export interface SentRow {
  readonly rank: number;
  /** What it reported, ms. */
  readonly spanMs: number;
  /** `[units]` of the pool's exchange (`exchangeUnits`): selections. */
  readonly selections: Float32Array;
  /** Of these, of experts on the rank itself. */
  readonly own: number;
  /** `[gpus]`: the same by GPU, of pools that are shown by node, now and then; else empty. */
  readonly gpus: Float32Array;
}

/** In JSON: selections as float32, and by GPU in thousands as float16, little-endian, in base64. */
interface Stored extends Omit<SentRow, "selections" | "gpus"> {
  readonly selections: string;
  readonly gpus: string;
}

export const storedRow: Shape<Stored> = record<Stored>({
  rank: whole(),
  spanMs: number(0),
  selections: text,
  own: number(0),
  // An earlier version does not write it.
  gpus: orElse(text, ""),
});

export function encodeRow({ selections, gpus, ...row }: SentRow): Stored {
  const { buffer, byteOffset, byteLength } = selections;
  return {
    ...row,
    selections: Buffer.from(buffer, byteOffset, byteLength).toString("base64"),
    gpus: Buffer.from(thousandBytes(gpus)).toString("base64"),
  };
}

/** @throws Unreadable */
export function decodeRow({ selections, gpus, ...row }: Stored): SentRow {
  demand(row.spanMs > 0, "it has sent something in no time");
  return {
    ...row,
    selections: counts(Buffer.from(selections, "base64")),
    gpus: thousands(Buffer.from(gpus, "base64")),
  };
}
