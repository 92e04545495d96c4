import { z } from "zod";

const name = z.string().min(1);
const limit = z.int().nonnegative();

const share = z.strictObject({
  pool: name,
  model: name.optional(),
  weight: z.number().nonnegative().optional(),
  header: z
    .record(
      z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, "expected a header's name in small letters"),
      z.string(),
    )
    .optional(),
});

/** A model as it is written. */
export const modelSchema = z.strictObject({
  aliases: z.array(name).optional(),
  pools: z.array(share).min(1).optional(),
  fallback: z.array(name).optional(),
  defaults: z.record(name, z.unknown()).optional(),
  shadow: z
    .strictObject({ pool: name, model: name.optional(), part: z.number().positive().max(1).optional() })
    .optional(),
  locality: z
    .strictObject({
      mode: z.enum(["off", "shadow", "on"]),
      percent: z.number().min(0).max(100).optional(),
      switchbackMinutes: z.number().positive().optional(),
      loadBand: z.number().positive().max(1).optional(),
    })
    .optional(),
  limits: z.strictObject({ maxTokens: limit, maxInputTokens: limit }).partial().optional(),
});

export type WrittenModel = z.output<typeof modelSchema>;
