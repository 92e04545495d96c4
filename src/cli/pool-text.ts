import type { Hardware } from "../core/cost/hardware.ts";
import { KvRoom } from "../core/cost/kv-room.ts";
import { whyNotServed } from "../core/cost/serving-room.ts";
import { InputError } from "../lib/errors.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { type EngineShape, PLAIN_SHAPE, rankCount } from "../model/engine-shape.ts";
import { type Topology, gpuCount, sayGpus, slotCount } from "../model/topology.ts";
import { decimals } from "../lib/number-text.ts";

/** A model on GPUs, in a line. */
export function poolText(
  model: MoeModel,
  topology: Topology,
  hardware: Hardware,
  shape: EngineShape = PLAIN_SHAPE,
): string {
  const slots = slotCount(topology);
  const { experts } = model;
  const redundant = slots === experts ? "" : `, ${slots - experts} of them redundant`;
  const { moeTp } = shape;
  const on = moeTp === 1 ? "on each" : `on every ${moeTp}`;
  const held = `${topology.slotsPerGpu} of ${slots} expert slots ${on} for ${experts} experts${redundant}`;
  const type = hardware.name.toUpperCase();
  return `${model.name} on ${sayPool(topology, shape)}, ${held}; requests of up to ${decimals(longest(model, topology, hardware, shape), 0)} tokens (${type})`;
}

/** The GPUs of a pool, whatever shares them. */
export function sayPool(topology: Topology, shape: EngineShape): string {
  const { attentionTp, moeTp } = shape;
  if (attentionTp === 1 && moeTp === 1) return sayGpus(topology);
  const ranks = rankCount(topology, shape);
  const groups = `${ranks} rank${ranks === 1 ? "" : "s"} of ${attentionTp}`;
  const divided = moeTp === 1 ? "" : `, every expert on ${moeTp}`;
  return `${gpuCount(topology) * moeTp} GPUs (${groups}${divided})`;
}

/** @throws InputError where no request can be served */
export function checkServes(
  source: string,
  field: string,
  model: MoeModel,
  topology: Topology,
  hardware: Hardware,
  shape: EngineShape = PLAIN_SHAPE,
): void {
  const why = whyNotServed(model, topology, hardware, shape);
  if (why !== null) throw new InputError(source, field, why);
}

/** Tokens of the longest request that a rank's cache holds. */
export function longest(
  model: MoeModel,
  topology: Topology,
  hardware: Hardware,
  shape: EngineShape = PLAIN_SHAPE,
): number {
  return new KvRoom(model, topology, hardware, shape).longestSequence;
}
