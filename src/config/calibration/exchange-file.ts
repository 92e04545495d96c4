import { z } from "zod";
import { checkShape } from "../check-shape.ts";
import { readYamlFile } from "../yaml-file.ts";
import { packageFile } from "../../files/package-files.ts";

const SHIPPED = packageFile("config/calibration/kernels/deepep-h100.json");

const row = z.array(z.number().positive()).min(2);
const times = z
  .strictObject({ ranks: row, tokens: row, dispatchUs: z.array(row), combineUs: z.array(row) })
  .refine(
    ({ ranks, tokens, dispatchUs, combineUs }) =>
      [dispatchUs, combineUs].every(
        (us) => us.length === ranks.length && us.every((line) => line.length === tokens.length),
      ),
    "expected a row for each of `ranks`, with a time for each of `tokens`",
  );

const exchangeSchema = z.strictObject({
  source: z.string(),
  /** Types of GPU that it holds for. */
  gpus: z.array(z.string()),
  lowLatency: times,
  normal: times,
});

export type ExchangeFile = z.output<typeof exchangeSchema>;

/**
 * Measured times of exchanges on a type of GPU; null where there are none for it.
 * @throws InputError
 */
export async function readExchangeFile(gpu: string): Promise<ExchangeFile | null> {
  const { value, sourceOf } = await readYamlFile(SHIPPED);
  const file = checkShape(exchangeSchema, value, sourceOf);
  return file.gpus.includes(gpu) ? file : null;
}
