import type { AnswerMeasures, ShadowPair, Shadowed } from "../serving/traffic/traffic-observer.ts";
import type { AnswerTotals, ShadowTotals } from "./counted.ts";

export function noShadows(): ShadowTotals {
  return {
    copies: { ok: 0, failed: 0, dropped: 0 },
    pairs: { both_ok: 0, copy_failed: 0, served_failed: 0, both_failed: 0 },
    served: { firstByteMs: 0, bytes: 0, tokens: 0 },
    copy: { firstByteMs: 0, bytes: 0, tokens: 0 },
  };
}

export function addShadowed(totals: ShadowTotals, what: Shadowed): void {
  if (typeof what === "string") totals.copies[what]++;
  else addPair(totals, what);
}

function addPair(totals: ShadowTotals, { served, copy }: ShadowPair): void {
  if (!served.ok || !copy.ok) {
    if (served.ok) totals.pairs.copy_failed++;
    else if (copy.ok) totals.pairs.served_failed++;
    else totals.pairs.both_failed++;
    return;
  }
  totals.pairs.both_ok++;
  const counted = served.tokens !== null && copy.tokens !== null;
  add(totals.served, served, counted);
  add(totals.copy, copy, counted);
}

function add(totals: AnswerTotals, { firstByteMs, bytes, tokens }: AnswerMeasures, counted: boolean): void {
  totals.firstByteMs += firstByteMs ?? 0;
  totals.bytes += bytes;
  if (counted) totals.tokens += tokens ?? 0;
}
