import type { MoeModel } from "../../model/moe-model.ts";
import { type EngineShape, PLAIN_SHAPE, partOfModel } from "../../model/engine-shape.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { Hardware } from "./hardware.ts";
import { KvRoom } from "./kv-room.ts";
import { usableBytes, weightBytes } from "./memory.ts";

/** A token of a prompt, and one of an answer. */
const SHORTEST_REQUEST = 2;

/** Why no request can be served by these GPUs, in one clause that says what to change; null where some can. */
export function whyNotServed(
  model: MoeModel,
  topology: Topology,
  hardware: Hardware,
  shape: EngineShape = PLAIN_SHAPE,
): string | null {
  if (new KvRoom(model, topology, hardware, shape).longestSequence >= SHORTEST_REQUEST) return null;
  const { everywhere, perSlot } = weightBytes(partOfModel(model, shape));
  const { slotsPerGpu } = topology;
  const [takes, has] = [everywhere + slotsPerGpu * perSlot, usableBytes(hardware)];
  const weights = `${gigabytes(takes)} (${slotsPerGpu} expert slots with ${gigabytes(perSlot)} each, and ${gigabytes(everywhere)} beside them)`;
  const there = `${gigabytes(has)} that ${aGpu(hardware)} has for weights and cache`;
  const lack =
    takes > has
      ? `take ${weights}, more than the ${there}`
      : `take ${weights} of the ${there}: too much for a request`;
  return `cannot serve ${model.name}: a GPU's weights ${lack}; ${whatFits(model, topology, hardware, shape)}`;
}

function aGpu({ name }: Hardware): string {
  return `${/^[hm]/i.test(name) ? "an" : "a"} ${name.toUpperCase()}`;
}

function whatFits(model: MoeModel, topology: Topology, hardware: Hardware, shape: EngineShape): string {
  const fits = (slotsPerGpu: number) =>
    new KvRoom(model, { ...topology, slotsPerGpu }, hardware, shape).longestSequence >= SHORTEST_REQUEST;
  let most = topology.slotsPerGpu - 1;
  while (most > 0 && !fits(most)) most--;
  if (most === 0) return "no number of these GPUs is enough: they are too small";
  const gpus = Math.ceil(model.experts / most) * shape.moeTp;
  if (gpus <= gpuCount(topology) * shape.moeTp) return `give at most ${most} slots per GPU`;
  return `give at least ${gpus} GPUs`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
