import { readdir } from "node:fs/promises";
import { z } from "zod";
import { type Topology, gpuCount, slotCount } from "../model/topology.ts";
import { checkShape } from "./check-shape.ts";
import { type Place, faultAt } from "./place.ts";
import { readYamlFile } from "./yaml-file.ts";
import { packageFile } from "../files/package-files.ts";

const SHIPPED = packageFile("config/topologies/");

/** `4x8x9`: nodes, GPUs of each, slots of each; without the last as many slots as suit the model. */
const SIZES = /^([1-9]\d*)x([1-9]\d*)(?:x([1-9]\d*))?$/i;
/** Of the experts, where nobody says how many slots there are: DeepSeek's 32 redundant ones of 256. */
const REDUNDANT_PART = 1 / 8;
/** More slots per layer than any pool has. */
const MOST_SLOTS = 65_536;

const count = z.int().positive().max(MOST_SLOTS);

const topologySchema = z.strictObject({ nodes: count, gpusPerNode: count, slotsPerGpu: count });

/**
 * The GPUs of a pool.
 * @param name    sizes (`4x8x9`, `4x8`), a file of config/topologies without its ending, or a path that ends in `.yaml`
 * @param experts of a layer, which the slots must hold
 * @param place   where the name is written, for messages
 * @throws InputError
 */
export async function loadTopology(name: string, experts: number, place: Place): Promise<Topology> {
  const topology = ofSizes(name, experts) ?? (await ofFile(name, place));
  const { slotsPerGpu } = topology;
  const [gpus, slots] = [gpuCount(topology), slotCount(topology)];
  if (slots > MOST_SLOTS)
    throw faultAt(place, `makes ${slots} slots per layer; expected at most ${MOST_SLOTS}`);
  if (slots < experts) {
    const least = `${Math.ceil(experts / gpus)} for each of ${gpus} GPUs`;
    throw faultAt(place, `has ${slots} slots; expected at least the ${experts} experts of a layer: ${least}`);
  }
  if (slotsPerGpu > experts) {
    const hint = `has ${slotsPerGpu} slots per GPU; expected at most ${experts}: a GPU holds an expert once`;
    throw faultAt(place, hint);
  }
  return topology;
}

/** The same of engines that run, whose slots are those that they were started with. */
export async function loadEngineTopology(name: string, experts: number, place: Place): Promise<Topology> {
  const sizes = SIZES.exec(name);
  if (sizes !== null && sizes[3] === undefined) {
    const hint = `is ${JSON.stringify(name)}; expected the slots of each GPU behind it, as the engines have them`;
    throw faultAt(place, `${hint}: ${name}x9`);
  }
  return loadTopology(name, experts, place);
}

function ofSizes(text: string, experts: number): Topology | null {
  const sizes = SIZES.exec(text);
  if (sizes === null) return null;
  const [nodes, gpusPerNode] = [Number(sizes[1]), Number(sizes[2])];
  const slotsPerGpu = sizes[3] === undefined ? slotsFor(experts, nodes * gpusPerNode) : Number(sizes[3]);
  return { nodes, gpusPerNode, slotsPerGpu };
}

/** Slots of each GPU for every expert and some redundant ones. */
function slotsFor(experts: number, gpus: number): number {
  const redundant = Math.ceil(experts * REDUNDANT_PART);
  return Math.min(experts, Math.ceil((experts + redundant) / gpus));
}

async function ofFile(name: string, place: Place): Promise<Topology> {
  const file = await readYamlFile(await pathOf(name, place));
  return checkShape(topologySchema, file.value, file.sourceOf);
}

async function pathOf(name: string, place: Place): Promise<string> {
  if (/\.ya?ml$/.test(name)) return name;
  const shipped = (await readdir(SHIPPED)).flatMap((file) => /^(.+)\.yaml$/.exec(file)?.[1] ?? []);
  if (shipped.includes(name)) return `${SHIPPED}${name}.yaml`;
  const forms = `nodes x GPUs x slots like 4x8x9, a name of config/topologies (${shipped.join(", ")})`;
  throw faultAt(place, `is ${JSON.stringify(name)}; expected ${forms}, or a file that ends in .yaml`);
}
