/** Null for what is no number: a part of nothing. */
export function knownNumber(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
