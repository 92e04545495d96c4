import { readModel } from "../src/config/models/read-model.ts";
import type { MoeModel } from "../src/model/moe-model.ts";
import type { Topology } from "../src/model/topology.ts";

/** DeepSeek-V3's parts at a size that tests can afford: 6 MoE layers of 32 experts in 8 groups. */
export const SMALL_MODEL = readModel(
  {
    name: "small",
    source: "made for tests",
    layers: 7,
    denseLayers: 1,
    hidden: 512,
    denseIntermediate: 1024,
    moeIntermediate: 256,
    experts: 32,
    sharedExperts: 1,
    topk: 4,
    groups: 8,
    topkGroups: 4,
    routeScale: 2.5,
    attention: { heads: 8, qLoraRank: 128, kvLoraRank: 64, nopeHeadDim: 32, ropeHeadDim: 16, vHeadDim: 32 },
    vocabulary: 1000,
  },
  () => "small-model",
);

export const SMALL_MOE_LAYERS = 6;

/** 40 slots: 8 redundant ones for the small model. */
export const SMALL_TOPOLOGY: Topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 10 };

/** DeepSeek-V3's prefill pool: 4 nodes, EP32, 9 slots per GPU, of which one redundant. */
export const EP32: Topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };

/**
 * A model of one kind of attention at other sizes.
 * @param changes as they are written in a file; of layers that are dense: none unless named
 */
export function modelLike(model: MoeModel, changes: Readonly<Record<string, unknown>>): MoeModel {
  const { moeLayers: _moe, denseLayers: _dense, attention, ...rest } = model;
  const [{ layers: _layers, ...everywhere }] = attention;
  return readModel({ ...rest, attention: everywhere, ...changes }, () => "model-like");
}
