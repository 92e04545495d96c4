import { InvalidArgumentError, Option } from "commander";
import { PART_TOKENS } from "../core/load/part-loads.ts";
import type { ProblemNames } from "../core/planning/check-problem.ts";
import { readHeldExperts } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import { type LayerNumbers, sameLayers, sayLayers } from "../model/layer-numbers.ts";
import type { ExpertLoad } from "../model/load.ts";
import type { Placement } from "../model/placement.ts";
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

/** An option that takes numbers from 0 on, separated by commas. */
export function numbersOption(flags: string, description: string, whole: boolean): Option {
  const fits = (n: number) => Number.isFinite(n) && n >= 0 && (!whole || Number.isInteger(n));
  return new Option(flags, description).argParser((text) => {
    const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (numbers.every(fits)) return numbers;
    throw new InvalidArgumentError(`Give ${whole ? "integers" : "numbers"} ≥ 0, separated by commas.`);
  });
}

/**
 * The pool it is of may have another size, and it may lack experts.
 * @param layers which layer each row of the load is of; null where nothing says
 * @throws InputError when the placement in force is of other layers or experts
 */
export async function readPrevious(
  path: string,
  load: ExpertLoad,
  layers: LayerNumbers | null,
): Promise<Placement> {
  const file = readHeldExperts(await readInput(path), path);
  if (layers !== null && file.layers !== null && !sameLayers(layers, file.layers)) {
    const hint = `are ${sayLayers(file.layers)}; expected the load's ${sayLayers(layers)}`;
    throw new InputError(path, "model.moeLayers", hint);
  }
  const { placement } = file;
  if (placement.layers !== load.layers || placement.experts !== load.experts) {
    const has = `has ${placement.layers} layers of ${placement.experts} experts`;
    throw new InputError(path, "model", `${has}; expected the load's ${load.layers} of ${load.experts}`);
  }
  return placement;
}

/** @throws InputError where a trace is of no use on one node: there are no node hops to save, nor parts to level */
export function checkParted(tokens: number, source: string): void {
  if (tokens >= 2 * PART_TOKENS) return;
  const has = `${tokens} tokens; on one node a trace shows how batches vary, which takes ${2 * PART_TOKENS} at least`;
  throw new InputError(source, "shape", `has ${has}: leave out --routing`);
}
