import type { Attention } from "../../model/attention.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { attentionWeights } from "./attention-weights.ts";
import { attentionWindows } from "./attention-work.ts";
import { CoreAttention } from "./core-attention.ts";
import type { Hardware } from "./hardware.ts";

/** Layers whose attention takes the same time. */
export interface LayerKind {
  /** Weights of one layer's projections. */
  readonly projections: number;
  /** Null for layers without attention. */
  readonly core: CoreAttention | null;
  /** Rows of loads and placements: the MoE layers of the kind, counted among the model's MoE layers. */
  readonly moeRows: readonly number[];
  /** How many others there are. */
  readonly others: number;
}

/** The model's layers by their kind of attention, in its order. Each MoE row is in one kind. */
export function layerKinds(model: MoeModel, hardware: Hardware): readonly LayerKind[] {
  const { moeLayers, attention, hidden } = model;
  const windows = attentionWindows(model);
  const rowOf = new Map(moeLayers.map((layer, row) => [layer, row]));
  const kindOf = (kind: Attention): LayerKind => {
    const moeRows = kind.layers.flatMap((layer) => rowOf.get(layer) ?? []);
    for (const layer of kind.layers) rowOf.delete(layer);
    return {
      projections: attentionWeights(kind, hidden),
      core: new CoreAttention(kind, windows, hardware),
      moeRows,
      others: kind.layers.length - moeRows.length,
    };
  };
  const kinds = attention.map(kindOf);
  return [...kinds, { projections: 0, core: null, moeRows: [...rowOf.values()], others: 0 }];
}
