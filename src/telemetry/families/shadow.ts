import type { Counted, ShadowTotals } from "../counted.ts";
import { type Family, counter } from "../family.ts";

const LABELS = ["pool", "model"];

/** Copies of requests, and what their answers are beside those that clients got. */
export function shadowFamilies({ shadowed }: Counted): Family[] {
  const each = (read: (totals: ShadowTotals, observe: (value: number, label: string) => void) => void) =>
    ((observe) => {
      for (const [pool, models] of shadowed)
        for (const [model, totals] of models)
          read(totals, (value, label) => observe(value, pool, model, label));
    }) satisfies Family["read"];
  const sides = (name: string, kind: "firstByteMs" | "bytes" | "tokens", unit: number, help: string) =>
    counter(
      name,
      [...LABELS, "side"],
      help,
      each((totals, observe) => {
        observe(totals.served[kind] / unit, "served");
        observe(totals.copy[kind] / unit, "copy");
      }),
    );
  return [
    counter(
      "plimsoll_shadow_copies_total",
      [...LABELS, "outcome"],
      "Copies of requests for a model's shadow pool, by outcome",
      each(({ copies }, observe) => {
        for (const [outcome, count] of Object.entries(copies)) observe(count, outcome);
      }),
    ),
    counter(
      "plimsoll_shadow_pairs_total",
      [...LABELS, "verdict"],
      "Requests that were answered beside their copies, by which of the two were answered well",
      each(({ pairs }, observe) => {
        for (const [verdict, count] of Object.entries(pairs)) observe(count, verdict);
      }),
    ),
    sides(
      "plimsoll_shadow_first_byte_seconds_total",
      "firstByteMs",
      1000,
      "Seconds until the first byte, over pairs that were both answered well",
    ),
    sides("plimsoll_shadow_answer_bytes_total", "bytes", 1, "Bytes of answers, over the same pairs"),
    sides(
      "plimsoll_shadow_answer_tokens_total",
      "tokens",
      1,
      "Tokens of answers, over those of them where both engines count theirs",
    ),
  ];
}
