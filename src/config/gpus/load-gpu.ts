import { readdir } from "node:fs/promises";
import { z } from "zod";
import { nearestWord } from "../../lib/edit-distance.ts";
import { GPU_GENERATIONS, type Gpu } from "../../model/gpu.ts";
import { checkShape } from "../check-shape.ts";
import { type Place, faultAt } from "../place.ts";
import { readYamlFile } from "../yaml-file.ts";
import { packageFile } from "../../files/package-files.ts";

const SHIPPED = packageFile("config/gpus/");

/** Of a machine, where its file says nothing else. */
const NODE_GPUS = 8;

const rate = z.number().positive().max(1e9);

const gpuSchema = z.strictObject({
  name: z.string().min(1),
  generation: z.enum(GPU_GENERATIONS),
  source: z.string().min(1),
  memoryGB: rate,
  memoryTBps: rate,
  tflops: z.strictObject({ bf16: rate, fp8: rate, fp4: rate.nullable() }),
  nodeGpus: z.int().positive().max(64).default(NODE_GPUS),
  scaleUp: z.strictObject({ GBps: rate, gpus: z.int().positive().max(65_536) }),
  scaleOut: z.strictObject({ GBps: rate }),
});

/** Every type of config/gpus. */
export async function shippedGpus(): Promise<Gpu[]> {
  return Promise.all((await shippedGpuNames()).map((name) => readGpu(`${SHIPPED}${name}.yaml`)));
}

/**
 * A type of GPU by its name.
 * @param place where the name is written, for messages
 * @throws InputError
 */
export async function loadGpu(name: string, place: Place): Promise<Gpu> {
  const names = await shippedGpuNames();
  if (names.includes(name)) return readGpu(`${SHIPPED}${name}.yaml`);
  const near = nearestWord(name.toLowerCase(), names);
  const meant = near === null ? "" : `; did you mean ${near}?`;
  throw faultAt(place, `is ${JSON.stringify(name)}; expected one of ${names.join(", ")}${meant}`);
}

/** The names of config/gpus. */
export async function shippedGpuNames(): Promise<readonly string[]> {
  const files = await readdir(SHIPPED);
  return files.flatMap((file) => /^(.+)\.yaml$/.exec(file)?.[1] ?? []).sort();
}

async function readGpu(path: string): Promise<Gpu> {
  const { value, sourceOf } = await readYamlFile(path);
  const { name, generation, source, ...written } = checkShape(gpuSchema, value, sourceOf);
  const { bf16, fp8, fp4 } = written.tflops;
  return {
    name,
    generation,
    source,
    memoryBytes: written.memoryGB * 1e9,
    memoryBandwidth: written.memoryTBps * 1e12,
    flops: { bf16: bf16 * 1e12, fp8: fp8 * 1e12, fp4: fp4 === null ? null : fp4 * 1e12 },
    nodeGpus: written.nodeGpus,
    scaleUp: { bandwidth: written.scaleUp.GBps * 1e9, gpus: written.scaleUp.gpus },
    scaleOut: { bandwidth: written.scaleOut.GBps * 1e9 },
  };
}
