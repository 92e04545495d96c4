import { type LayerTally, layerTally } from "../../model/layer-tally.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";

/** What a layer's dispatch comes to when everything is balanced. */
export interface EvenTraffic {
  readonly tokensPerRank: number;
  readonly topk: number;
  /** Per token and layer. */
  readonly nodeHops: number;
  readonly hops: number;
}

/** The tally of a layer in which every slot computes as many selections and every rank sends and receives as many tokens. */
export function evenTally(topology: Topology, traffic: EvenTraffic): LayerTally {
  const { tokensPerRank, topk, nodeHops, hops } = traffic;
  const [gpus, slots] = [gpuCount(topology), slotCount(topology)];
  const tally = layerTally(topology);
  tally.selections = gpus * tokensPerRank * topk;
  tally.nodeHops = Math.round(gpus * tokensPerRank * nodeHops);
  tally.hops = Math.round(gpus * tokensPerRank * hops);
  for (let slot = 0; slot < slots; slot++) {
    tally.slotLoad[slot] = Math.floor((tally.selections + slot) / slots);
  }
  tally.gpuLoad.fill(Math.ceil(tally.selections / gpus));
  tally.selectionsFrom.fill(tokensPerRank * topk);
  tally.nodeSends.fill(Math.round(tokensPerRank * nodeHops));
  tally.nodeReceives.fill(Math.round(tokensPerRank * nodeHops));
  tally.rankReceives.fill(Math.round(tokensPerRank * hops));
  return tally;
}
