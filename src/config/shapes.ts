import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { MoeModel } from "../model/moe-model.ts";
import type { Topology } from "../model/topology.ts";
import { InputError } from "../lib/errors.ts";
import { checkShape } from "./check-shape.ts";
import { readYamlFile } from "./yaml-file.ts";

type ShapeFolder = "models" | "topologies";

const count = z.int().positive();

const topologySchema = z.strictObject({ nodes: count, gpusPerNode: count, slotsPerGpu: count });

const modelSchema = z.strictObject({
  name: z.string().min(1),
  source: z.string().min(1),
  layers: count,
  denseLayers: z.int().nonnegative(),
  hidden: count,
  denseIntermediate: z.int().nonnegative(),
  moeIntermediate: count,
  experts: count,
  sharedExperts: z.int().nonnegative(),
  topk: count,
  groups: count,
  topkGroups: count,
  routeScale: z.number().positive(),
  attention: z.strictObject({
    heads: count,
    qLoraRank: z.int().nonnegative(),
    kvLoraRank: count,
    nopeHeadDim: count,
    ropeHeadDim: count,
    vHeadDim: count,
  }),
  vocabulary: count,
});

/**
 * The shape of a model.
 * @param name a file of config/models without its ending, or a path that ends in `.yaml`
 * @throws InputError
 */
export async function loadModel(name: string): Promise<MoeModel> {
  const path = shapePath("models", name);
  const file = await readYamlFile(path);
  const model = checkShape(modelSchema, file.value, file.sourceOf);
  if (model.denseLayers >= model.layers) {
    throw new InputError(
      path,
      "denseLayers",
      `is ${model.denseLayers}; expected less than the ${model.layers} layers`,
    );
  }
  if (model.experts % model.groups !== 0) {
    throw new InputError(
      path,
      "groups",
      `is ${model.groups}; expected a divisor of the ${model.experts} experts`,
    );
  }
  if (model.topkGroups > model.groups) {
    throw new InputError(
      path,
      "topkGroups",
      `is ${model.topkGroups}; expected at most the ${model.groups} groups`,
    );
  }
  const choosable = (model.experts / model.groups) * model.topkGroups;
  if (model.topk > choosable) {
    throw new InputError(
      path,
      "topk",
      `is ${model.topk}; expected at most the ${choosable} experts of the chosen groups`,
    );
  }
  return model;
}

/** Every model of config/models. */
export async function shippedModels(): Promise<MoeModel[]> {
  const files = await readdir(shippedShapes("models"));
  return Promise.all(files.map((file) => loadModel(file.replace(/\.yaml$/, ""))));
}

/** The shape of the model that config/models has under the name, or null. */
export async function findModel(name: string): Promise<MoeModel | null> {
  const shipped = await readdir(shippedShapes("models"));
  return shipped.includes(`${name}.yaml`) ? loadModel(name) : null;
}

/**
 * The GPUs of a pool.
 * @param name a file of config/topologies without its ending, or a path that ends in `.yaml`
 * @throws InputError
 */
export async function loadTopology(name: string): Promise<Topology> {
  const path = shapePath("topologies", name);
  const file = await readYamlFile(path);
  return checkShape(topologySchema, file.value, file.sourceOf);
}

/** Where a name among the shipped shapes, or a path, leads. */
function shapePath(folder: ShapeFolder, name: string): string {
  return name.endsWith(".yaml") ? name : `${shippedShapes(folder)}${name}.yaml`;
}

function shippedShapes(folder: ShapeFolder): string {
  return fileURLToPath(new URL(`../../config/${folder}/`, import.meta.url));
}
