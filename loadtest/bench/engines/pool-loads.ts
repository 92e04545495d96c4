import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readInput } from "../../../src/cli/output.ts";
import { sumWindows } from "../../../src/core/load/sum-windows.ts";
import { readExpertLoads } from "../../../src/formats/expert-load.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";

/** A load, and the one that comes after it. */
export interface LoadPair {
  readonly name: string;
  readonly first: ExpertLoad;
  readonly next: ExpertLoad;
}

/** Recordings that follow each other, as traffic turns from the one to the other. */
const PAIRS = [
  ["prefill_in512", "prefill_in1024"],
  ["prefill_in1024", "prefill_in4096"],
  ["decode_in2000out100", "decode_in1000out1000"],
  ["decode_in1000out1000", "decode_in500out1500"],
] as const;
/** Of DeepSeek-V3, which come first and count nothing. */
const DENSE_LAYERS = 3;
const DRAWN_LAYERS = 16;
/** Standard deviations of the logarithm of an expert's load, and of what it is multiplied by until the next load. */
const SKEW = 1;
const DRIFT = 0.5;

/**
 * Expert loads of DeepSeek-V3 that SGLang has recorded, where their folder is present: `loads` below PLIMSOLL_DATA, else
 * below ../shared/data beside the checkout. Null where it is not.
 */
export async function recordedPairs(): Promise<readonly LoadPair[] | null> {
  const data =
    process.env.PLIMSOLL_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
  const folder = join(data, "loads");
  if (!existsSync(folder)) return null;
  const pairs: LoadPair[] = [];
  for (const [first, next] of PAIRS) {
    pairs.push({
      name: `${first} → ${next}`,
      first: await recorded(join(folder, `${first}.json`)),
      next: await recorded(join(folder, `${next}.json`)),
    });
  }
  return pairs;
}

async function recorded(path: string): Promise<ExpertLoad> {
  const { layers, experts, tokens } = sumWindows(readExpertLoads(await readInput(path), path).windows);
  return { layers: layers - DENSE_LAYERS, experts, tokens: tokens.slice(DENSE_LAYERS * experts) };
}

/** Lognormal loads that drift. */
export function drawnPair(experts: number, seed: number): LoadPair {
  const rng = new Rng(seed, experts);
  const length = DRAWN_LAYERS * experts;
  const tokens = Float64Array.from({ length }, () => 1000 * Math.exp(SKEW * rng.normal()));
  const later = tokens.map((count) => count * Math.exp(DRIFT * rng.normal()));
  const load = (values: Float64Array): ExpertLoad => ({ layers: DRAWN_LAYERS, experts, tokens: values });
  return { name: `drawn, ${experts} experts`, first: load(tokens), next: load(later) };
}
