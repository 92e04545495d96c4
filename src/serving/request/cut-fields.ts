import { type FieldPlaces, PLACES } from "../../lib/json-fields.ts";

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;

/** A part of a body: from `start` to before `end`; both 0 when it is not there. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A JSON object, and where its fields are. */
export interface ObjectBytes {
  readonly bytes: Buffer;
  readonly fields: FieldPlaces;
}

/**
 * The object without those fields; the same one where there are none. What is left is moved together in place: nobody
 * may need it as it was.
 * @param removed by their numbers from 0, in their order
 */
export function without({ bytes, fields }: ObjectBytes, removed: readonly number[]): ObjectBytes {
  if (removed.length === 0) return { bytes, fields };
  const left: number[] = [];
  let to = 0;
  bytes[to++] = OPEN_BRACE;
  const count = fields.length / PLACES;
  // Runs of fields that stay, one between each two that go.
  for (let i = 0, next = 0; i <= count; next++) {
    const stop = next < removed.length ? removed[next] : count;
    if (i < stop) {
      const start = fields[i * PLACES];
      const end = fields[stop * PLACES - 1];
      if (left.length > 0) bytes[to++] = COMMA;
      bytes.copyWithin(to, start, end);
      for (let place = i * PLACES; place < stop * PLACES; place++) left.push(fields[place] - start + to);
      to += end - start;
    }
    i = stop + 1;
  }
  bytes[to++] = CLOSE_BRACE;
  return { bytes: bytes.subarray(0, to), fields: left };
}
