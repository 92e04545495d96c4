import { MOST_REQUEST_TOKENS } from "./traffic.ts";

/** Lengths that are drawn, each as likely, from `(1 − spread) × tokens` to `(1 + spread) × tokens`. */
export interface LengthSpread {
  /** ≥ 1. */
  readonly tokens: number;
  /** 0..1. */
  readonly spread: number;
}

/** As people write it: `1000`, or `1000:0.2`. @returns null for what is none */
export function readLengthSpread(text: string): LengthSpread | null {
  const [whole, part, ...more] = text.split(":");
  const tokens = /^\s*\d{1,9}\s*$/.test(whole) ? Number(whole) : 0;
  const spread = part === undefined ? 0 : Number(part.trim() || "-");
  const fits =
    tokens >= 1 && tokens <= MOST_REQUEST_TOKENS && more.length === 0 && spread >= 0 && spread <= 1;
  return fits ? { tokens, spread } : null;
}
