const LANGUAGE = "en-GB";
const WHOLE = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const THREE_DIGITS = new Intl.NumberFormat(LANGUAGE, { maximumSignificantDigits: 3 });
const TIME = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium", hourCycle: "h23" });
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** What stands where there is nothing to say. */
export const NONE = "–";

export function whole(value: number): string {
  return WHOLE.format(value);
}

/** @param value null = not measured */
export function fixed(value: number | null, decimals: number): string {
  return value === null ? NONE : value.toFixed(decimals);
}

/** Three digits, or all of a whole number that has more. */
export function short(value: number): string {
  return Math.abs(value) >= 100 ? WHOLE.format(value) : THREE_DIGITS.format(value);
}

/** Of an axis: with k for a thousand and M for a million. */
export function brief(value: number): string {
  if (value >= 1e6) return `${THREE_DIGITS.format(value / 1e6)}M`;
  return value >= 1e4 ? `${THREE_DIGITS.format(value / 1000)}k` : THREE_DIGITS.format(value);
}

/** @param decimals 0 where it is missing */
export function percent(fraction: number, decimals = 0): string {
  return decimals === 0 ? `${WHOLE.format(fraction * 100)} %` : `${(fraction * 100).toFixed(decimals)} %`;
}

/** Decimal units, as links and disks are sold. */
export function bytes(value: number): string {
  if (value === 0) return "0";
  const unit = Math.min(Math.floor(Math.log10(value) / 3), BYTE_UNITS.length - 1);
  return `${THREE_DIGITS.format(value / 1000 ** unit)} ${BYTE_UNITS[unit]}`;
}

/** @param ms wall-clock milliseconds; the reader's own time zone */
export function time(ms: number): string {
  return TIME.format(ms);
}

/** What is written from right to left, or changes the way that text runs. */
const TURNS = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name as a part of a sentence: which way it is written, and what of that it leaves open, ends with it. */
export function named(name: string): string {
  return TURNS.test(name) ? `\u2068${name}\u2069` : name;
}

/** A length of time: `2:13`, `1:02:13`. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

/** As a person lists things. @param most beyond which they are counted */
export function list(items: readonly string[], most: number): string {
  if (items.length <= most) return items.join(", ");
  return `${items.slice(0, most).join(", ")} and ${items.length - most} more`;
}
