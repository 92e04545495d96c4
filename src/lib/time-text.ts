const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a time as people write it: `30`, `30s`, `1.5m`, `2h`, `500ms`; seconds where no unit is said.
 * @returns null for what is none
 */
export function readTime(text: string): number | null {
  const [, number, unit = "s"] = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?\s*$/.exec(text) ?? [];
  return number === undefined ? null : Number(number) * UNITS[unit];
}
