import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import { slotCount } from "../model/topology.ts";
import type { LayerNumbers } from "../model/layer-numbers.ts";
import { integerIn, type Matrix, MOST, nest, readJsonObject, readMatrix } from "./json.ts";
import { forEveryLayer } from "./layer-list.ts";

/** SGLang wants it to be the only key. */
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
  return readMatrix(file[PHYSICAL_TO_LOGICAL_MAP], integerIn(0, MOST), source, PHYSICAL_TO_LOGICAL_MAP);
}

/**
 * What SGLang's `--init-expert-location` reads as a placement.
 * @param layers which layer each row is of
 * @param all    layers of the model: the file has a row for each, those without experts too
 */
export function writeSglangMap(
  { experts, topology, physicalToLogical }: Placement,
  layers: LayerNumbers,
  all: number,
): string {
  const slots = slotCount(topology);
  const inTurn = Array.from({ length: slots }, (_, slot) => slot % experts);
  const map = forEveryLayer(nest(physicalToLogical, slots), layers, all, () => inTurn);
  return `${JSON.stringify({ [PHYSICAL_TO_LOGICAL_MAP]: map })}\n`;
}
