import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readInput } from "../../src/cli/output.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { readNpy } from "../../src/formats/npy.ts";
import { readRoutingTrace } from "../../src/formats/routing-trace.ts";
import { InputError } from "../../src/lib/errors.ts";
import { int32Copy } from "../../src/lib/readonly-arrays.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import { drawLoad, readLayerHistograms } from "./layer-statistics.ts";
import { loadOf, range, type RoutedTokens, syntheticTokens } from "./routed-tokens.ts";

/** Independent loads; layers of each. */
const LOADS = 3;
const STREAM_TOKENS = 400_000;
/** MoE layers of the real stream, and so of the synthetic one. */
const STREAM_LAYERS = 6;
const SYNTHETIC_LOAD_TOKENS = 32_768;
const EXPERTS = 256;
const GROUPS = 8;

/** What the tables are computed on. Only tokens and loads: where they come from makes no difference to a table. */
export interface BenchInput {
  readonly model: MoeModel;
  /** Of a whole model's MoE layers, each drawn by itself. */
  readonly loads: readonly ExpertLoad[];
  readonly stream: RoutedTokens;
  /** Expert groups of the stream's gate. */
  readonly groups: number;
  /** Where loads and stream come from, for a person. */
  readonly source: { readonly loads: string; readonly stream: string };
}

/** Where real data are, if they are. */
export function dataFolder(): string {
  return process.env.PLIMSOLL_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
}

/** The real data where their folder is present: PLIMSOLL_DATA, else ../shared/data beside the checkout. */
export async function benchInput(seed: number): Promise<BenchInput> {
  const folder = dataFolder();
  const real = process.env.PLIMSOLL_DATA !== undefined || existsSync(folder);
  const model = await loadModel("deepseek-v3");
  return real ? recordedInput(model, folder, seed) : syntheticInput(model, seed);
}

async function recordedInput(model: MoeModel, folder: string, seed: number): Promise<BenchInput> {
  const statistics = join(folder, "dsv3_layer_stats.json");
  const histograms = readLayerHistograms(await readInput(statistics), statistics);
  const path = join(folder, "routing/dev/stream.npy");
  const trace = readRoutingTrace(await readInput(path), path, EXPERTS);
  const request = await perToken(join(folder, "routing/dev/stream.request.npy"), trace.tokens);
  const tenant = await perToken(join(folder, "routing/dev/stream.domain.npy"), trace.tokens);
  return {
    model,
    loads: Array.from({ length: LOADS }, (_, draw) => drawLoad(histograms, new Rng(seed, draw))),
    stream: { trace, experts: EXPERTS, request, tenant },
    groups: GROUPS,
    source: {
      loads: `${LOADS} draws from DeepSeek-V3's published load histograms (dsv3_layer_stats.json), ${histograms.length} layers`,
      stream: `routing/dev/stream.npy, ${trace.tokens} tokens, ${trace.layers} layers`,
    },
  };
}

/** A number for every token of the stream. */
async function perToken(path: string, tokens: number): Promise<Int32Array> {
  const { values } = readNpy(await readInput(path), path);
  if (values.length !== tokens) {
    throw new InputError(path, "shape", `has ${values.length} entries; expected ${tokens}, one per token`);
  }
  return int32Copy(values);
}

function syntheticInput(model: MoeModel, seed: number): BenchInput {
  const draw = (shape: MoeModel, tokens: number, stream: number) =>
    syntheticTokens(shape, tokens, seed + stream, new Rng(seed, stream));
  const loads = Array.from({ length: LOADS }, (_, i) => {
    const tokens = draw(model, SYNTHETIC_LOAD_TOKENS, 1 + i);
    return loadOf(tokens, range(0, tokens.trace.tokens));
  });
  const small = {
    ...model,
    layers: model.moeLayers[0] + STREAM_LAYERS,
    moeLayers: model.moeLayers.slice(0, STREAM_LAYERS),
  };
  return {
    model,
    loads,
    stream: draw(small, STREAM_TOKENS, 0),
    groups: model.groups,
    source: {
      loads: `${LOADS} synthetic loads fitted to DeepSeek-V3's published figures (no ../shared/data)`,
      stream: `synthetic routing, ${STREAM_TOKENS} tokens, ${STREAM_LAYERS} layers (no ../shared/data)`,
    },
  };
}
