import { H800 } from "../core/cost/hardware.ts";
import { KvRoom } from "../core/cost/kv-room.ts";
import { whyNotServed } from "../core/cost/serving-room.ts";
import { InputError } from "../lib/errors.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { type Topology, sayGpus, slotCount } from "../model/topology.ts";
import { decimals } from "../lib/number-text.ts";

/** A model on GPUs, in a line. */
export function poolText(model: MoeModel, topology: Topology): string {
  const slots = slotCount(topology);
  const { experts } = model;
  const redundant = slots === experts ? "" : `, ${slots - experts} of them redundant`;
  const held = `${topology.slotsPerGpu} of ${slots} expert slots on each for ${experts} experts${redundant}`;
  return `${model.name} on ${sayGpus(topology)}, ${held}; requests of up to ${decimals(longest(model, topology), 0)} tokens`;
}

/** @throws InputError where no request can be served */
export function checkServes(source: string, field: string, model: MoeModel, topology: Topology): void {
  const why = whyNotServed(model, topology, H800);
  if (why !== null) throw new InputError(source, field, why);
}

/** Tokens of the longest request that a rank's cache holds. */
export function longest(model: MoeModel, topology: Topology): number {
  return new KvRoom(model, topology, H800).longestSequence;
}
