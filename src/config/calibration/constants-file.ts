import { z } from "zod";
import { checkShape } from "../check-shape.ts";
import { readYamlFile } from "../yaml-file.ts";
import { packageFile } from "../../files/package-files.ts";

/** Where the constants are that ship. */
export const SHIPPED_CONSTANTS = packageFile("config/calibration/serving.json");

const positive = z.number().positive();
const error = z
  .strictObject({ points: z.int().nonnegative(), median: z.number(), p90: z.number() })
  .nullable();
const errors = z.strictObject({ ttftMs: error, tpotMs: error, outTokSGpu: error });
/** Of measured ÷ predicted: four points of five lie between. */
const band = z.tuple([positive, positive]);
const bands = z.strictObject({ ttftMs: band, tpotMs: band, outTokSGpu: band });

const constantsSchema = z.strictObject({
  source: z.string(),
  rows: z.int().nonnegative(),
  /** Whose points were fitted: they are never counted as predictions. */
  configurations: z.array(z.string()),
  /** Of each base its value, its factors by kind of level, and how uncertain the value is (0.1: about 10 %). */
  constants: z.record(
    z.string(),
    z.strictObject({
      meaning: z.string(),
      unit: z.string(),
      base: positive,
      uncertainty: z.number().nonnegative(),
      factors: z.record(z.string(), z.record(z.string(), positive)),
    }),
  ),
  /** Of points that the constants had not seen, split by configuration. */
  unseen: z.strictObject({
    folds: z.record(z.string(), errors),
    bands: z.strictObject({ agg: bands, disagg: bands, unknown: bands }),
  }),
});

export type ConstantsFile = z.output<typeof constantsSchema>;

/**
 * Reads fitted constants: those that ship, or a user's own.
 * @throws InputError
 */
export function readConstantsFile(path = SHIPPED_CONSTANTS): Promise<ConstantsFile> {
  if (path !== SHIPPED_CONSTANTS) return readFrom(path);
  return (shipped ??= readFrom(path));
}

/** Read once: it is large, and asked for by every type of GPU. */
let shipped: Promise<ConstantsFile> | null = null;

async function readFrom(path: string): Promise<ConstantsFile> {
  const { value, sourceOf } = await readYamlFile(path);
  return checkShape(constantsSchema, value, sourceOf);
}
