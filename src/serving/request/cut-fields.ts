import { isSpace } from "../../lib/json-scanner.ts";

const COMMA = 0x2c;

/** A part of a body: from `start` to before `end`; both 0 when it is not there. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Fields of one object, each grown by the comma that it would leave over, so that what remains is JSON.
 * @param fields from the first quote of the name to the end of the value, in their order
 */
export function cutsOf(object: Uint8Array, fields: readonly ByteRange[]): ByteRange[] {
  const cuts: ByteRange[] = [];
  let cutTo = -1;
  for (const { start, end } of fields) {
    let before = start - 1;
    while (isSpace(object[before])) before--;
    if (object[before] === COMMA && before + 1 !== cutTo) {
      cuts.push({ start: before, end });
      cutTo = end;
      continue;
    }
    // Nothing of the object is left before it: the comma after it goes.
    let after = end;
    while (isSpace(object[after])) after++;
    cutTo = object[after] === COMMA ? after + 1 : end;
    cuts.push({ start, end: cutTo });
  }
  return cuts;
}

/**
 * The bytes without those parts; the same ones where there are none. They are moved together in place: nobody may need
 * them as they were.
 * @param cuts in their order
 */
export function without(bytes: Buffer, cuts: readonly ByteRange[]): Buffer {
  let to = 0;
  let from = 0;
  for (const { start, end } of cuts) {
    if (from > 0) bytes.copyWithin(to, from, start);
    to += start - from;
    from = end;
  }
  if (from === 0) return bytes;
  bytes.copyWithin(to, from);
  return bytes.subarray(0, to + bytes.length - from);
}
