import { InvalidArgumentError, Option } from "commander";
import { readPlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import { layerLoad } from "../model/load.ts";
import { type MoeModel, moeLayers } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import { type PoolCapacity, fullCapacity } from "../model/pool-capacity.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { type Topology, gpuCount, slotCount } from "../model/topology.ts";
import { readInput } from "./output.ts";

/** More slots than any pool has; beyond it a typing error would exhaust the memory. */
const MOST_SLOTS = 65_536;

/** An option that takes numbers separated by commas, each at least `least`. */
export function numbersOption(flags: string, description: string, least: number, whole: boolean): Option {
  const fits = (n: number) => Number.isFinite(n) && n >= least && (!whole || Number.isInteger(n));
  return new Option(flags, description).argParser((text) => {
    const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (numbers.every(fits)) return numbers;
    throw new InvalidArgumentError(`Give ${whole ? "integers" : "numbers"} ≥ ${least}, separated by commas.`);
  });
}

/** @throws InputError where a layer has no load: there is nothing to place it by */
export function checkLoaded(load: ExpertLoad, source: string): void {
  for (let layer = 0; layer < load.layers; layer++) {
    if (layerLoad(load, layer).every((tokens) => tokens === 0)) {
      throw new InputError(source, `layer ${layer}`, "has no load at all; give one with at least one token");
    }
  }
}

interface PoolFlags {
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
  readonly groups: number;
}

/** @throws InputError */
export function checkTopology({ groups, ...topology }: PoolFlags, load: ExpertLoad): Topology {
  const { nodes, gpusPerNode, slotsPerGpu } = topology;
  const slots = slotCount(topology);
  if (slots < load.experts) {
    const least = Math.ceil(load.experts / (nodes * gpusPerNode));
    const mend = `is ${slotsPerGpu}: ${slots} slots cannot hold ${load.experts} experts; give at least ${least}`;
    throw new InputError("--slots-per-gpu", "", mend);
  }
  if (slots > MOST_SLOTS) {
    const mend = `makes ${slots} slots per layer; expected at most ${MOST_SLOTS}`;
    throw new InputError("--slots-per-gpu", "", mend);
  }
  if (load.experts % groups !== 0) {
    const mend = `is ${groups}; expected a divisor of the load's ${load.experts} experts`;
    throw new InputError("--groups", "", mend);
  }
  return { nodes, gpusPerNode, slotsPerGpu };
}

interface CapacityFlags {
  readonly gpuSlots?: readonly number[];
  readonly gpuSpeeds?: readonly number[];
  readonly outOfService?: readonly number[];
}

/** @throws InputError */
export function checkCapacity(flags: CapacityFlags, topology: Topology, experts: number): PoolCapacity {
  const gpus = gpuCount(topology);
  const { slots, speeds } = fullCapacity(topology);
  const each = (name: string, values: readonly number[]) => {
    if (values.length === gpus) return values;
    throw new InputError(name, "", `has ${values.length} entries; expected one for each of the ${gpus} GPUs`);
  };
  if (flags.gpuSlots !== undefined) slots.set(each("--gpu-slots", flags.gpuSlots));
  if (flags.gpuSpeeds !== undefined) speeds.set(each("--gpu-speeds", flags.gpuSpeeds));
  const over = slots.findIndex((count) => count > topology.slotsPerGpu);
  if (over >= 0) {
    const mend = `gives GPU ${over} ${slots[over]} slots; expected at most the ${topology.slotsPerGpu} of --slots-per-gpu`;
    throw new InputError("--gpu-slots", "", mend);
  }
  const still = speeds.findIndex((speed) => speed <= 0);
  if (still >= 0) throw new InputError("--gpu-speeds", "", `gives GPU ${still} speed 0; expected more`);
  for (const gpu of flags.outOfService ?? []) {
    if (gpu >= gpus) {
      throw new InputError("--out-of-service", "", `names GPU ${gpu}; expected 0..${gpus - 1}`);
    }
    slots[gpu] = 0;
  }
  const usable = slots.reduce((sum, count) => sum + count, 0);
  if (usable < experts) {
    const mend = `leave ${usable} slots for ${experts} experts; leave at least as many`;
    throw new InputError("--gpu-slots and --out-of-service", "", mend);
  }
  return { slots, speeds };
}

/** @throws InputError where EPLB would break what the flags ask for: it fills every slot and counts no moves */
export function checkEplb(capacity: PoolCapacity, { slotsPerGpu }: Topology, maxMoves?: number): void {
  if (capacity.slots.some((count) => count < slotsPerGpu)) {
    throw new InputError(
      "--algorithm eplb",
      "",
      "fills every slot; leave out --gpu-slots and --out-of-service",
    );
  }
  if (maxMoves !== undefined) {
    throw new InputError("--algorithm eplb", "", "moves what it likes; leave out --max-moves");
  }
}

export function wrongModel(model: MoeModel, load: ExpertLoad): InputError {
  const has = `has ${moeLayers(model)} layers of ${model.experts} experts`;
  const mend = `${has}; expected the load's ${load.layers} of ${load.experts}`;
  return new InputError("--model", model.name, mend);
}

/** @throws InputError when the placement in force is of another shape */
export async function readPrevious(path: string, load: ExpertLoad, topology: Topology): Promise<Placement> {
  const { placement } = readPlacementFile(await readInput(path), path);
  const { nodes, gpusPerNode, slotsPerGpu } = placement.topology;
  if (
    nodes !== topology.nodes ||
    gpusPerNode !== topology.gpusPerNode ||
    slotsPerGpu !== topology.slotsPerGpu
  ) {
    const has = `is ${nodes} nodes × ${gpusPerNode} GPUs × ${slotsPerGpu} slots`;
    throw new InputError(path, "topology", `${has}; expected the one that the flags give`);
  }
  if (placement.layers !== load.layers || placement.experts !== load.experts) {
    const has = `has ${placement.layers} layers of ${placement.experts} experts`;
    throw new InputError(path, "model", `${has}; expected the load's ${load.layers} of ${load.experts}`);
  }
  return placement;
}

/** Tokens of a routing trace that co-activation is read from: more cost time and tell little more. */
const SAMPLE_TOKENS = 8192;

/** An even sample of a routing trace's tokens. */
export function sampleOf(trace: RoutingTrace): RoutingTrace {
  const tokens = Math.min(SAMPLE_TOKENS, trace.tokens);
  const width = trace.layers * trace.topk;
  const experts = new Int16Array(tokens * width);
  for (let i = 0; i < tokens; i++) {
    const from = Math.floor((i * trace.tokens) / tokens) * width;
    experts.set(trace.experts.subarray(from, from + width), i * width);
  }
  return { ...trace, tokens, experts };
}
