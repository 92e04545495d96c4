import type { FittedEngine } from "../../model/fitted-engine.ts";
import type { Gpu } from "../../model/gpu.ts";
import { type ConstantsFile, readConstantsFile } from "../calibration/constants-file.ts";
import { type ExchangeFile, readExchangeFile } from "../calibration/exchange-file.ts";
import type { Place } from "../place.ts";
import { loadGpu } from "./load-gpu.ts";

/** A type of GPU that a pool is simulated on, with the constants that say what it reaches. */
export interface ChosenGpu {
  readonly gpu: Gpu;
  readonly constants: ConstantsFile["constants"];
  /** Exchanges between nodes as measured on such GPUs; null where nobody has. */
  readonly exchanges: ExchangeFile | null;
  /** Whose factors hold; null: of no engine in particular. */
  readonly engine: FittedEngine | null;
}

/** What is simulated where nobody says: the machine of DeepSeek's published figures, by its kernels (core/cost/hardware.ts). */
export const USUAL_GPU = "h800";

/**
 * @returns null for the usual one, whose figures are not fitted
 * @throws InputError
 */
export async function chooseGpu(
  name: string | undefined,
  place: Place,
  engine: FittedEngine | null = null,
): Promise<ChosenGpu | null> {
  if (name === undefined || name === USUAL_GPU) return null;
  const gpu = await loadGpu(name, place);
  const { constants } = await readConstantsFile();
  return { gpu, constants, exchanges: await readExchangeFile(gpu.name), engine };
}
