/** Where JSON lies in what gateways leave for each other: of all of it, behind its length, behind a version and its length. */
export type HeadLayout = "all" | "message" | "snapshot";

type Fields = Readonly<Record<string, unknown>>;

const LAYOUTS = {
  all: null,
  message: { length: 0, json: 4, align: 1 },
  snapshot: { length: 4, json: 8, align: 8 },
} as const;

export function headOf(bytes: Uint8Array, layout: HeadLayout): Fields {
  const at = LAYOUTS[layout];
  const json = at === null ? bytes : bytes.subarray(at.json, at.json + lengthAt(bytes, at.length));
  return JSON.parse(new TextDecoder().decode(json)) as Fields;
}

/** The same bytes with another head. */
export function withHead(
  bytes: Uint8Array,
  layout: HeadLayout,
  change: (head: Fields) => object,
): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(change(headOf(bytes, layout))));
  const at = LAYOUTS[layout];
  if (at === null) return json;
  const aligned = (length: number) => Math.ceil(length / at.align) * at.align;
  const behind = bytes.subarray(aligned(at.json + lengthAt(bytes, at.length)));
  const result = new Uint8Array(aligned(at.json + json.length) + behind.length);
  result.set(bytes.subarray(0, at.json));
  new DataView(result.buffer).setUint32(at.length, json.length, true);
  result.set(json, at.json);
  result.set(behind, result.length - behind.length);
  return result;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}
