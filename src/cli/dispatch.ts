import { Command, Option } from "commander";
import { findModel } from "../config/shapes.ts";
import { blockSources, dispatchTrace } from "../core/dispatch/dispatch-trace.ts";
import { isIntegerType, readNpy, writeNpyInt32 } from "../formats/npy.ts";
import { type PlacementFile, readPlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import { DISPATCH_POLICIES, type DispatchPolicy } from "../model/dispatch-policy.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { gpusInService } from "../model/placement.ts";
import { gpuCount } from "../model/topology.ts";
import { bytesPerToken, sentence, timed } from "./dispatch-report.ts";
import { drain } from "./drain.ts";
import { LayoutFiles } from "./layout-files.ts";
import { countOption, jsonOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";
import { readRouting } from "./routing-file.ts";
import { replicaMap } from "./replica-map.ts";

/** `static` and `random` choose by it: the same input gives the same slots. */
const SEED = 1;

interface DispatchOptions {
  readonly placement: string;
  readonly routing: string;
  readonly sources?: string;
  readonly batchTokens: number;
  readonly policy: DispatchPolicy;
  readonly out: string;
  readonly layout?: string;
  readonly json?: true;
}

export function dispatchCommand(): Command {
  return new Command("dispatch")
    .description("Choose the replica of every selection of a routing trace, and count the hops.")
    .requiredOption("--placement <file>", "a placement that `place` wrote")
    .requiredOption("--routing <file>", "routing trace (.npy): integers [tokens, layers, topk], −1 for none")
    .option(
      "--sources <file>",
      "each token's source GPU (.npy): integers [tokens]; default: equal blocks of a batch",
    )
    .addOption(countOption("--batch-tokens <n>", "tokens of one forward pass").makeOptionMandatory())
    .addOption(
      new Option(
        "--policy <name>",
        "priced: fewest hops at the most level load; activation: fewest activated experts, for decode; " +
          "even: by the shares alone; table, static: a fixed replica per source GPU and expert",
      )
        .choices(DISPATCH_POLICIES)
        .default("priced"),
    )
    .requiredOption("--out <file>", "where to write the slots (.npy): int32 of the trace's shape")
    .option("--layout <dir>", "where to write what the all-to-all needs (.npy): counts, mask and send list")
    .addOption(jsonOption())
    .exitOverride()
    .action(dispatch);
}

async function dispatch(options: DispatchOptions): Promise<void> {
  const file = readPlacementFile(await readInput(options.placement), options.placement);
  const { layers, experts, topology } = file.placement;
  const say = output(options.json ?? false);
  const model = await modelOf(file);
  const numbers = file.layers ?? (model === null ? null : model.moeLayers);
  const fit = { count: layers, layers: numbers, model, source: options.placement };
  const routing = await readRouting(options.routing, experts, fit, say);
  const { trace, depth } = routing;
  const { policy, batchTokens, out } = options;
  const sources =
    options.sources === undefined
      ? blockSources(trace.tokens, batchTokens, gpusInService(file.placement))
      : readSources(await readInput(options.sources), options.sources, trace.tokens, gpuCount(topology));
  const layouts =
    options.layout === undefined ? null : new LayoutFiles(options.layout, routing, batchTokens, topology);

  const steps = dispatchTrace({
    routing,
    sources,
    batchTokens,
    map: replicaMap(file),
    policy,
    seed: SEED,
    nowMs: () => performance.now(),
    onLayout: layouts === null ? null : (layer, first, layout) => layouts.add(layer, first, layout),
  });
  const { slots, perLayer, chooseMs, ...all } = drain(steps, (percent) =>
    say.progress(`dispatching: ${percent}`),
  );
  const overall = timed(
    all.overall,
    chooseMs.reduce((sum, ms) => sum + ms, 0),
  );
  await writeOutput(out, writeNpyInt32([trace.tokens, depth, trace.topk], slots));
  await layouts?.write();
  const bytes = model === null ? null : bytesPerToken(model, overall, trace.tokens * layers);
  const summary = { out, policy, batchTokens, tokens: trace.tokens, ...overall, bytesPerToken: bytes };
  const byLayer = perLayer.map((figures, row) => ({
    layer: numbers?.[row] ?? row,
    ...timed(figures, chooseMs[row]),
  }));
  say.result({ ...summary, layers: byLayer }, sentence(out, overall));
}

/** The shipped model that the placement is of; null where it names none, or one of another shape. */
async function modelOf({ modelName, placement }: PlacementFile): Promise<MoeModel | null> {
  const model = modelName === null ? null : await findModel(modelName);
  if (model === null) return null;
  return model.experts === placement.experts && model.moeLayers.length === placement.layers ? model : null;
}

function readSources(bytes: Uint8Array, source: string, tokens: number, gpus: number): Int32Array {
  const { dtype, shape, values } = readNpy(bytes, source);
  if (!isIntegerType(dtype)) throw new InputError(source, "descr", `is '${dtype}'; expected integers (GPUs)`);
  if (shape.length !== 1 || shape[0] !== tokens) {
    throw new InputError(
      source,
      "shape",
      `is (${shape.join(", ")}); expected (${tokens}), one GPU per token`,
    );
  }
  return Int32Array.from(values as ArrayLike<number>, (gpu, token) => {
    if (gpu >= 0 && gpu < gpus) return gpu;
    throw new InputError(source, `token ${token}`, `starts on GPU ${gpu}; expected 0..${gpus - 1}`);
  });
}
