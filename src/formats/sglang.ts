import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import type { Placement } from "../model/placement.ts";
import { slotCount } from "../model/topology.ts";
import { integerFrom, type Matrix, nest, readJsonObject, readMatrix } from "./json.ts";

/** The key of an expert load in what SGLang's `--init-expert-location` reads. */
export const LOGICAL_COUNT = "logical_count";

/** The key of a placement there; SGLang wants it to be the only one. */
const PHYSICAL_TO_LOGICAL_MAP = "physical_to_logical_map";

/**
 * Reads a placement as SGLang's `--init-expert-location` does. The file says nothing of GPUs.
 * @returns `[layers][slots]` logical experts
 */
export function readSglangMap(bytes: Uint8Array, source: string): Matrix {
  const file = readJsonObject(bytes, source);
  const other = Object.keys(file).find((key) => key !== PHYSICAL_TO_LOGICAL_MAP);
  if (other !== undefined) {
    throw new InputError(
      source,
      other,
      `is not SGLang's; expected ${PHYSICAL_TO_LOGICAL_MAP} as the only key`,
    );
  }
  return readMatrix(file[PHYSICAL_TO_LOGICAL_MAP], integerFrom(0), source, PHYSICAL_TO_LOGICAL_MAP);
}

/** What SGLang's `--init-expert-location` reads as a placement. */
export function writeSglangMap(placement: Placement): string {
  const map = nest(placement.physicalToLogical, slotCount(placement.topology));
  return `${JSON.stringify({ [PHYSICAL_TO_LOGICAL_MAP]: map })}\n`;
}

/** What SGLang's `--init-expert-location` reads as a load, to place by itself. */
export function writeSglangLoad(load: ExpertLoad): string {
  return `${JSON.stringify({ [LOGICAL_COUNT]: nest(load.tokens, load.experts) })}\n`;
}
