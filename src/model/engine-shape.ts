import type { Attention } from "./attention.ts";
import type { MoeModel } from "./moe-model.ts";
import { type Topology, gpuCount } from "./topology.ts";

/**
 * How the GPUs of a pool share work beside expert parallelism. A topology counts *expert units* as its GPUs: places that
 * hold whole experts, of `moeTp` GPUs each. Sequences are on *ranks*, groups of `attentionTp` GPUs:
 * ranks × attentionTp = units × moeTp = GPUs.
 */
export interface EngineShape {
  /** GPUs that share the attention of a sequence: its heads are divided, a latent cache is whole on each. */
  readonly attentionTp: number;
  /** GPUs that share every expert of a unit. 1: experts are whole, one unit a GPU. */
  readonly moeTp: number;
}

/** A sequence and an expert are on one GPU. */
export const PLAIN_SHAPE: EngineShape = { attentionTp: 1, moeTp: 1 };

/** Ranks of a pool: places for sequences. @throws Error where its GPUs do not divide into them */
export function rankCount(units: Topology, { attentionTp, moeTp }: EngineShape): number {
  const ranks = (gpuCount(units) * moeTp) / attentionTp;
  if (!Number.isInteger(ranks) || ranks < 1)
    throw new Error(`${gpuCount(units) * moeTp} GPUs are no whole number of groups of ${attentionTp}`);
  return ranks;
}

/** The expert unit that a rank's token begins at: ranks on fewer units share them, on more take them in turn. */
export function unitOf(rank: number, token: number, ranks: number, units: number): number {
  if (ranks >= units) return Math.floor((rank * units) / ranks);
  const each = units / ranks;
  return Math.floor(rank * each) + (token % Math.ceil(each));
}

/** The expert units that are of no use without a rank. */
export function unitsOfRank(rank: number, ranks: number, units: number): number[] {
  const from = Math.floor((rank * units) / ranks);
  const count = Math.max(1, Math.floor(units / ranks));
  return Array.from({ length: count }, (_, i) => from + i);
}

/** What one GPU has of a model: its part of the heads, of every dense network, of the vocabulary and of each expert. */
export function partOfModel(model: MoeModel, { attentionTp, moeTp }: EngineShape): MoeModel {
  if (attentionTp === 1 && moeTp === 1) return model;
  const part = (width: number) => Math.ceil(width / attentionTp);
  return {
    ...model,
    attention: model.attention.map((kind) => partOfAttention(kind, attentionTp)),
    denseIntermediate: part(model.denseIntermediate),
    sharedIntermediate: part(model.sharedIntermediate),
    // Experts of all ranks are fused with what a group divides in no engine.
    sharedFused: model.sharedFused && attentionTp === 1,
    vocabulary: part(model.vocabulary),
    moeIntermediate: Math.ceil(model.moeIntermediate / moeTp),
  };
}

/** Heads are cut; fewer heads of keys than GPUs are on several. */
function partOfAttention(attention: Attention, tp: number): Attention {
  const part = (heads: number) => Math.max(1, Math.ceil(heads / tp));
  switch (attention.kind) {
    case "mla":
      return { ...attention, heads: part(attention.heads) };
    case "gqa":
      return { ...attention, heads: part(attention.heads), kvHeads: part(attention.kvHeads) };
    case "linear":
      return {
        ...attention,
        keyHeads: part(attention.keyHeads),
        valueHeads: part(attention.valueHeads),
      };
  }
}
