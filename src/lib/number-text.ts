const UNKNOWN = "–";

const FORMATS = [0, 1, 2, 3].map(
  (digits) =>
    new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

/** A number with thousands separators and 0 to 3 decimals; a dash for what is not known. */
export function decimals(value: number | null | undefined, digits: 0 | 1 | 2 | 3): string {
  const known = value ?? Number.NaN;
  return Number.isFinite(known) ? FORMATS[digits].format(known) : UNKNOWN;
}

/** Milliseconds to three significant digits or the whole: `8.13`, `31.4`, `182`, `12,034`. */
export function milliseconds(value: number | null | undefined): string {
  const magnitude = Math.abs(value ?? 0);
  return decimals(value, magnitude < 10 ? 2 : magnitude < 100 ? 1 : 0);
}

/** `01:02:03` */
export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** An amount to three significant digits or the whole: `0.826`, `41.1`, `1,605`. */
export function threeDigits(value: number): string {
  return Math.abs(value) >= 100 ? decimals(value, 0) : value.toPrecision(3);
}
