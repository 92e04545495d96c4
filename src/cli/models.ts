import Table from "cli-table3";
import { Command } from "commander";
import { shippedModels } from "../config/shapes.ts";
import { activeParameters, totalParameters } from "../core/cost/model-weights.ts";
import type { Attention } from "../model/attention.ts";
import { type MoeModel, expertBytes, kvBytes, kvBytesPerToken } from "../model/moe-model.ts";
import { modelsImportCommand } from "./models-import.ts";
import { decimals } from "../lib/number-text.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";

/** What the table shows of a model, and `--json` of each. */
export interface ModelSummary {
  readonly name: string;
  readonly source: string;
  readonly layers: number;
  readonly moeLayers: readonly number[];
  readonly experts: number;
  readonly sharedExperts: number;
  readonly topk: number;
  readonly attention: string;
  readonly precision: MoeModel["precision"];
  readonly expertBytes: number;
  /** Of a sequence longer than every window; what a sequence holds whatever its length is apart. */
  readonly kvBytesPerToken: number;
  readonly stateBytes: number;
  readonly parameters: number;
  readonly activeParameters: number;
}

/** `models`: the catalogue, and `models import`. */
export function modelsCommand(): Command {
  return new Command("models")
    .description(
      "List the models that ship: layers that route to experts, experts, attention, sizes. Any command's --model, " +
        "and a pool's `model`, takes one of these names or a file of your own (docs/models.md).",
    )
    .addOption(jsonOption())
    .addCommand(modelsImportCommand())
    .exitOverride()
    .action(list);
}

async function list(options: { readonly json?: true }): Promise<void> {
  const models = (await shippedModels()).map(summaryOf);
  output(options.json ?? false).result({ models }, table(models));
}

export function summaryOf(model: MoeModel): ModelSummary {
  return {
    name: model.name,
    source: model.source,
    layers: model.layers,
    moeLayers: model.moeLayers,
    experts: model.experts,
    sharedExperts: model.sharedExperts,
    topk: model.topk,
    attention: attentionText(model),
    precision: model.precision,
    expertBytes: expertBytes(model),
    kvBytesPerToken: kvBytesPerToken(model),
    stateBytes: kvBytes(model, 0),
    parameters: totalParameters(model),
    activeParameters: activeParameters(model),
  };
}

function table(models: readonly ModelSummary[]): string {
  const rows = new Table({
    head: [
      "Model",
      "Layers",
      "Experts",
      "Top-k",
      "Attention",
      "Weights",
      "Expert MB",
      "KV/token",
      "Parameters",
    ],
    colAligns: ["left", "right", "right", "right", "left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const model of models) {
    const { experts, sharedExperts, precision, parameters, activeParameters: active } = model;
    rows.push([
      model.name,
      `${model.moeLayers.length} of ${model.layers}`,
      sharedExperts === 0 ? String(experts) : `${experts} + ${sharedExperts}`,
      String(model.topk),
      model.attention,
      precision.rest === precision.experts ? precision.experts : `${precision.experts}, ${precision.rest}`,
      decimals(model.expertBytes / 1e6, 1),
      decimals(model.kvBytesPerToken, 0),
      `${decimals(parameters / 1e9, 1)} B, ${decimals(active / 1e9, 1)} B a token`,
    ]);
  }
  return rows.toString();
}

/** `18 × GQA 64:8 (128) + 18 × GQA 64:8`: heads and key-value heads, and the window. */
function attentionText({ attention }: MoeModel): string {
  const [first] = attention;
  if (attention.length === 1) return kindText(first);
  return attention.map((kind) => `${kind.layers.length} × ${kindText(kind)}`).join(" + ");
}

function kindText(attention: Attention): string {
  switch (attention.kind) {
    case "mla":
      return attention.indexer === null
        ? `MLA ${attention.heads}`
        : `sparse MLA ${attention.heads} (${attention.indexer.topk})`;
    case "gqa": {
      const window = attention.window === null ? "" : ` (${attention.window})`;
      return `GQA ${attention.heads}:${attention.kvHeads}${window}`;
    }
    case "linear":
      return `linear ${attention.valueHeads}`;
  }
}
