/** A safetensors file: `header` as JSON, then the data. */
export function safetensorsBytes(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const size = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  return Uint8Array.from([...size, ...text, ...data]);
}

/** A safetensors file of one-dimensional int64 arrays. */
export function safetensorsOf(arrays: Readonly<Record<string, readonly number[]>>): Uint8Array {
  let at = 0;
  const header = Object.entries(arrays).map(([name, values]) => {
    const from = at;
    at += 8 * values.length;
    return [name, { dtype: "I64", shape: [values.length], data_offsets: [from, at] }] as const;
  });
  const values = Object.values(arrays).flat().map(BigInt);
  return safetensorsBytes(Object.fromEntries(header), new Uint8Array(new BigInt64Array(values).buffer));
}
