import { InputError } from "../../lib/errors.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { type PoolCapacity, fullCapacity } from "../../model/pool-capacity.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";

/** More slots than any pool has; beyond it a typing error would exhaust the memory. */
const MOST_SLOTS = 65_536;

/** What the parts of a problem are called where it comes from: flags, or fields of a body. */
export interface ProblemNames {
  readonly slotsPerGpu: string;
  readonly groups: string;
  readonly gpuSlots: string;
  readonly gpuSpeeds: string;
  readonly outOfService: string;
  /** @param name one of these, or several */
  refusal(name: string, hint: string): InputError;
}

/** @throws InputError where no layer has a token: there is nothing to place by */
export function checkLoaded({ tokens }: ExpertLoad, source: string): void {
  if (tokens.some((count) => count > 0)) return;
  throw new InputError(source, "", "has no token in any layer; give a load with at least one");
}

/** @throws InputError unless the pool has slots for every expert, and the gate's groups are equally large */
export function checkTopology(
  topology: Topology,
  groups: number,
  { experts }: ExpertLoad,
  names: ProblemNames,
): void {
  const { slotsPerGpu } = topology;
  const slots = slotCount(topology);
  if (slots < experts) {
    const least = Math.ceil(experts / gpuCount(topology));
    const hint = `is ${slotsPerGpu}: ${slots} slots cannot hold ${experts} experts; give at least ${least}`;
    throw names.refusal(names.slotsPerGpu, hint);
  }
  if (slots > MOST_SLOTS) {
    const hint = `makes ${slots} slots per layer; expected at most ${MOST_SLOTS}`;
    throw names.refusal(names.slotsPerGpu, hint);
  }
  if (groups > 1 && topology.nodes === 1) {
    throw names.refusal(names.groups, "keeps groups on nodes, and there is one node; leave it out");
  }
  if (experts % groups !== 0) {
    const hint = `is ${groups}; expected a divisor of the load's ${experts} experts`;
    throw names.refusal(names.groups, hint);
  }
}

/** GPUs that are not as the topology has them. */
export interface Differences {
  /** `[gpus]` */
  readonly gpuSlots?: readonly number[] | undefined;
  /** `[gpus]` */
  readonly gpuSpeeds?: readonly number[] | undefined;
  /** GPU numbers. */
  readonly outOfService?: readonly number[] | undefined;
}

/** @throws InputError unless the usable slots hold every expert */
export function checkCapacity(
  differences: Differences,
  topology: Topology,
  { experts }: ExpertLoad,
  names: ProblemNames,
): PoolCapacity {
  const gpus = gpuCount(topology);
  const { slots, speeds } = fullCapacity(topology);
  const each = (name: string, values: readonly number[]) => {
    if (values.length === gpus) return values;
    throw names.refusal(name, `has ${values.length} entries; expected one for each of the ${gpus} GPUs`);
  };
  if (differences.gpuSlots !== undefined) slots.set(each(names.gpuSlots, differences.gpuSlots));
  if (differences.gpuSpeeds !== undefined) speeds.set(each(names.gpuSpeeds, differences.gpuSpeeds));
  const over = slots.findIndex((count) => count > topology.slotsPerGpu);
  if (over >= 0) {
    const most = `${topology.slotsPerGpu} of ${names.slotsPerGpu}`;
    throw names.refusal(
      names.gpuSlots,
      `gives GPU ${over} ${slots[over]} slots; expected at most the ${most}`,
    );
  }
  const still = speeds.findIndex((speed) => speed <= 0);
  if (still >= 0) throw names.refusal(names.gpuSpeeds, `gives GPU ${still} speed 0; expected more`);
  for (const gpu of differences.outOfService ?? []) {
    if (gpu >= gpus) throw names.refusal(names.outOfService, `names GPU ${gpu}; expected 0..${gpus - 1}`);
    slots[gpu] = 0;
  }
  const usable = slots.reduce((sum, count) => sum + count, 0);
  if (usable < experts) {
    const hint = `leave ${usable} slots for ${experts} experts; leave at least as many`;
    throw names.refusal(`${names.gpuSlots} and ${names.outOfService}`, hint);
  }
  return { slots, speeds };
}
