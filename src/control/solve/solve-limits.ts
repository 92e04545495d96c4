import { InputError } from "../../lib/errors.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";

/** The most of each that is solved for a stranger; the largest models have 61 layers, and pools 320 slots. */
const MOST_LAYERS = 256;
export const MOST_SLOTS = 4096;
/** Slots over all layers. */
export const MOST_IN_ALL = 131_072;
/** The smallest models have 8 experts; on each of 512 GPUs, so many replicas. */
const MOST_REPLICAS = 64;
/**
 * What placing takes grows with the third power of the GPUs that one expert may be on, in each layer: at 61 layers on
 * 320 GPUs (DeepSeek-V3's largest published pool) some 2 s at worst.
 */
const MOST_WORK = 61 * 320 ** 3;

/** @throws InputError naming a field of the source that asks for more than is solved */
export function checkSize({ layers, experts }: ExpertLoad, topology: Topology, source: string): void {
  const slots = slotCount(topology);
  if (layers > MOST_LAYERS)
    throw new InputError(source, "load", `has ${layers} layers; expected at most ${MOST_LAYERS}`);
  checkSlots(slots, layers, source, "topology");
  const { slotsPerGpu } = topology;
  if (slotsPerGpu > experts) {
    const hint = `is ${slotsPerGpu}; expected at most ${experts}: a GPU holds an expert once`;
    throw new InputError(source, "topology.slotsPerGpu", hint);
  }
  if (slots > MOST_REPLICAS * experts) {
    const hint = `makes ${slots} slots for ${experts} experts; expected at most ${MOST_REPLICAS} for each`;
    throw new InputError(source, "topology", hint);
  }
  const spread = Math.min(gpuCount(topology), Math.max(1, slots - experts + 1));
  if (layers * spread ** 3 > MOST_WORK) {
    const hint = `lets an expert have ${spread} replicas in each of ${layers} layers; expected fewer GPUs, slots or layers`;
    throw new InputError(source, "topology", hint);
  }
}

export function checkSlots(slots: number, layers: number, source: string, field: string): void {
  if (slots <= MOST_SLOTS && slots * layers <= MOST_IN_ALL) return;
  const most = `${MOST_SLOTS} per layer and ${MOST_IN_ALL} in all`;
  const hint = `makes ${slots} slots in each of ${layers} layers; expected at most ${most}`;
  throw new InputError(source, field, hint);
}
