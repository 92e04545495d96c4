/** Seconds of a product that reads for so long and multiplies for so long. @param norm Hardware.overlapNorm */
export function bothOf(reading: number, multiplying: number, norm: number): number {
  if (norm === Number.POSITIVE_INFINITY) return Math.max(reading, multiplying);
  if (norm === 2) return Math.sqrt(reading * reading + multiplying * multiplying);
  return (reading ** norm + multiplying ** norm) ** (1 / norm);
}
