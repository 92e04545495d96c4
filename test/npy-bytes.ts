/** A `.npy` file put together byte by byte, for readers to be tried on what NumPy may write and what it would not. */
export function npyBytes(header: string, data: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`);
  const size =
    version === 1
      ? [text.length & 255, text.length >> 8]
      : [text.length & 255, (text.length >> 8) & 255, (text.length >> 16) & 255, text.length >>> 24];
  return Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), version, 0, ...size, ...text, ...data]);
}

export function npyHeader(dtype: string, shape: string, order = "False"): string {
  return `{'descr': '${dtype}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
}

export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
