import type { z } from "zod";
import { type SourceOf, faultAt } from "./place.ts";
import type { settingsSchema } from "./settings-schema.ts";

/**
 * Settings that are sound each by itself must also suit each other.
 * @param sourceOf which file or variable a field came from
 * @throws InputError
 */
export function checkSettings(settings: z.output<typeof settingsSchema>, sourceOf: SourceOf): void {
  const { http, retry, health } = settings;
  const pairs = [
    [["http", "headersTimeoutMs"], http.headersTimeoutMs, "http.bodyTimeoutMs", http.bodyTimeoutMs],
    [["retry", "baseMs"], retry.baseMs, "retry.maxMs", retry.maxMs],
    [
      ["health", "circuit", "openMs"],
      health.circuit.openMs,
      "health.circuit.maxOpenMs",
      health.circuit.maxOpenMs,
    ],
    [
      ["health", "outlier", "ejectMs"],
      health.outlier.ejectMs,
      "health.outlier.maxEjectMs",
      health.outlier.maxEjectMs,
    ],
  ] as const;
  for (const [field, value, mostName, most] of pairs) {
    if (value <= most) continue;
    throw faultAt({ sourceOf, field }, `is ${value}; expected at most \`${mostName}\`, which is ${most}`);
  }
}
