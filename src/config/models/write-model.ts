import { stringify } from "yaml";
import type { Attention } from "../../model/attention.ts";
import type { MoeModel, Precision } from "../../model/moe-model.ts";
import { INT4_GROUP } from "../../model/weights.ts";
import { writeLayerNumbers } from "./layer-numbers.ts";

/** What a file need not say. */
const USUAL: Readonly<Record<string, unknown>> = {
  mtpLayers: 0,
  denseIntermediate: 0,
  gated: true,
  expertBias: false,
  sharedExperts: 0,
  sharedFused: false,
  groups: 1,
  topkGroups: 1,
  routeScale: 1,
  tiedEmbeddings: false,
};

/** The file of a model: what is as usual is left out, and layers are written as ranges. */
export function writeModel(model: MoeModel): string {
  const { name, source, layers, mtpLayers, hidden, denseIntermediate, moeIntermediate, experts } = model;
  const { sharedExperts, sharedIntermediate, topk, groups, topkGroups, routeScale } = model;
  const record: Record<string, unknown> = {
    name,
    source,
    layers,
    ...feedForward(model),
    mtpLayers,
    hidden,
    denseIntermediate,
    moeIntermediate,
    ...(model.expertHidden === hidden ? {} : { expertHidden: model.expertHidden }),
    gated: model.gated,
    expertBias: model.expertBias,
    experts,
    sharedExperts,
    ...(sharedIntermediate === moeIntermediate ? {} : { sharedIntermediate }),
    sharedFused: model.sharedFused,
    topk,
    groups,
    topkGroups,
    routeScale,
    attention: attentionOf(model),
    precision: precisionOf(model.precision),
    vocabulary: model.vocabulary,
    tiedEmbeddings: model.tiedEmbeddings,
  };
  const unusual = Object.entries(record).filter(([field, value]) => value !== USUAL[field]);
  return stringify(Object.fromEntries(unusual), { lineWidth: 0 });
}

function feedForward({ layers, moeLayers, denseLayers }: MoeModel): Record<string, unknown> {
  const main = moeLayers.filter((layer) => layer < layers);
  const others = main.length + denseLayers.length < layers ? { denseLayers: textOf(denseLayers) } : {};
  const isLeading = denseLayers.every((layer, i) => layer === i) && main[0] === denseLayers.length;
  if (isLeading && main.length + denseLayers.length === layers) return { denseLayers: denseLayers.length };
  return { moeLayers: textOf(main), ...others };
}

function attentionOf({ attention, layers, mtpLayers }: MoeModel): unknown {
  const [first] = attention;
  if (attention.length === 1 && first.layers.length === layers + mtpLayers) return kindOf(first);
  return attention.map((kind) => ({ layers: textOf(kind.layers), ...kindOf(kind) }));
}

function kindOf(attention: Attention): Record<string, unknown> {
  const { layers: _, ...kind } = attention;
  const usual = { vHeadDim: attention.kind === "gqa" ? attention.headDim : null, outputGate: false };
  const written = Object.entries(kind).filter(([field, value]) => {
    return value !== null && value !== usual[field as keyof typeof usual];
  });
  return Object.fromEntries(written);
}

function precisionOf({ experts, groupSize, rest, dispatch }: Precision): unknown {
  const isUsual = dispatch === (experts === "fp8" ? "fp8" : "bf16");
  if (rest === experts && groupSize === INT4_GROUP && isUsual) return experts;
  return {
    experts,
    ...(groupSize === INT4_GROUP ? {} : { groupSize }),
    rest,
    ...(isUsual ? {} : { dispatch }),
  };
}

function textOf(layers: readonly number[]): string | readonly number[] {
  return layers.length === 0 ? [] : writeLayerNumbers(layers);
}
