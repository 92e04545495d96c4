/** MurmurHash3's finaliser (Appleby, fmix32): a bijection on 32-bit integers, signed ones out. */
export function mixedBits(x: number): number {
  let z = x | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}
