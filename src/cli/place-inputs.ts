import { InvalidArgumentError, Option } from "commander";
import type { ProblemNames } from "../core/planning/check-problem.ts";
import { readPlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import type { Placement } from "../model/placement.ts";
import type { PoolCapacity } from "../model/pool-capacity.ts";
import type { Topology } from "../model/topology.ts";
import { readInput } from "./output.ts";

/** The flags that say what is wanted. */
export const FLAGS: ProblemNames = {
  slotsPerGpu: "--slots-per-gpu",
  groups: "--groups",
  gpuSlots: "--gpu-slots",
  gpuSpeeds: "--gpu-speeds",
  outOfService: "--out-of-service",
  refusal: (name, hint) => new InputError(name, "", hint),
};

/** An option that takes numbers separated by commas, each at least `least`. */
export function numbersOption(flags: string, description: string, least: number, whole: boolean): Option {
  const fits = (n: number) => Number.isFinite(n) && n >= least && (!whole || Number.isInteger(n));
  return new Option(flags, description).argParser((text) => {
    const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (numbers.every(fits)) return numbers;
    throw new InvalidArgumentError(`Give ${whole ? "integers" : "numbers"} ≥ ${least}, separated by commas.`);
  });
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
