import { loadTopology } from "../config/topologies.ts";
import type { ProblemNames } from "../core/planning/check-problem.ts";
import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import type { Topology } from "../model/topology.ts";
import { FLAGS } from "./place-inputs.ts";

/** The two ways to say which GPUs there are. */
export interface WrittenTopology {
  readonly topology?: string;
  readonly nodes?: number;
  readonly gpusPerNode?: number;
  readonly slotsPerGpu?: number;
}

const SIZES = [
  ["nodes", "--nodes"],
  ["gpusPerNode", "--gpus-per-node"],
  ["slotsPerGpu", FLAGS.slotsPerGpu],
] as const;

/**
 * The GPUs that the flags name, and what is to blame where they do not suit.
 * @throws InputError unless they are named one way or the other
 */
export async function topologyOf(
  written: WrittenTopology,
  { experts }: ExpertLoad,
): Promise<{ readonly topology: Topology; readonly names: ProblemNames }> {
  const { topology: name, nodes, gpusPerNode, slotsPerGpu } = written;
  if (name !== undefined) {
    const given = SIZES.find(([field]) => written[field] !== undefined);
    if (given !== undefined)
      throw new InputError(given[1], "", "says again what --topology says; leave one of them out");
    const topology = await loadTopology(name, experts, { sourceOf: () => "--topology", field: [] });
    return { topology, names: { ...FLAGS, slotsPerGpu: "--topology" } };
  }
  if (nodes === undefined || gpusPerNode === undefined || slotsPerGpu === undefined) {
    const missing = SIZES.filter(([field]) => written[field] === undefined).map(([, flag]) => flag);
    if (missing.length === SIZES.length)
      throw new InputError("--topology", "", "is missing; give the GPUs, e.g. 4x8x9: nodes x GPUs x slots");
    throw new InputError(missing[0], "", "is missing; give it, or all three at once as --topology");
  }
  return { topology: { nodes, gpusPerNode, slotsPerGpu }, names: FLAGS };
}
