import fc from "fast-check";

/** A change to bytes: `take` of them at a place give way to others. */
interface Change {
  readonly at: number;
  readonly take: number;
  readonly put: Buffer;
}

/** Up to so many changes to bytes, each at any place. @param tokens what is put in besides single bytes */
export function changes(most: number, tokens: readonly string[]): fc.Arbitrary<readonly Change[]> {
  const put = fc.oneof(
    fc.constant(""),
    fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    fc.constantFrom(...tokens),
  );
  const take = fc.oneof({ weight: 5, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.constant(1e9) });
  const change = fc.record({
    at: fc.nat(100_000),
    take,
    put: put.map((text) => Buffer.from(text, "latin1")),
  });
  return fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: most }));
}

export function changed(bytes: Buffer, all: readonly Change[]): Buffer {
  let now = bytes;
  for (const { at, take, put } of all) {
    const place = at % (now.length + 1);
    now = Buffer.concat([now.subarray(0, place), put, now.subarray(place + take)]);
  }
  return now;
}
