const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
const CLOSE = 0x7d;
const OPEN = 0x7b;

/**
 * Adds fields at the end of a JSON object, every other byte as it was; of two fields of one name, readers of JSON
 * take the later.
 * @param object a whole JSON object, white space around it allowed
 * @param fields e.g. `"a":1,"b":2`
 */
export function withFields(object: Uint8Array, fields: string): Uint8Array {
  const close = object.lastIndexOf(CLOSE);
  let last = close - 1;
  while (SPACE.has(object[last])) last--;
  const added = Buffer.from(object[last] === OPEN ? fields : `,${fields}`);
  const bytes = Buffer.allocUnsafe(object.length + added.length);
  bytes.set(object.subarray(0, close));
  bytes.set(added, close);
  bytes.set(object.subarray(close), close + added.length);
  return bytes;
}
