import { StepCost } from "../../core/cost/step-cost.ts";
import { replicaChooser } from "../../core/dispatch/choosers.ts";
import { Dispatcher } from "../../core/dispatch/dispatcher.ts";
import { type LayerTally, layerTally, resetTally } from "../../model/layer-tally.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { PoolMeter } from "../pool-meter.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepBatch } from "../step-batch.ts";
import { BatchMix } from "./batch-mix.ts";
import type { ExpertProfiles } from "./expert-profiles.ts";
import type { ForwardPass, PassOptions } from "./forward-pass.ts";
import { type HopRates, hopRates } from "./hop-rates.ts";
import type { LayerTurns } from "./layer-turns.ts";
import type { NormalTable } from "./normal-table.ts";
import { SampledTime } from "./sampled-time.ts";
import { type CountSplit, countSplit } from "./split-counts.ts";

/** A pass measures how far tokens travel anew after so many steps. */
const HOPS_EVERY = 256;
/** Turns by the golden ratio fall everywhere between 0 and 1 as often. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * No tokens: each of some layers' experts gets a count, drawn with the mean and the variance that the step's mix of
 * requests expects, and its slots get their parts of it. How far tokens travel is measured on a few, seldom, and spread
 * over the GPUs as their load is.
 */
export class AnalyticPass implements ForwardPass {
  readonly map: ReplicaMap;
  readonly #topk: number;
  readonly #routing: RoutingSource;
  readonly #turns: LayerTurns;
  readonly #profiles: ExpertProfiles;
  readonly #normals: NormalTable;
  readonly #mix: BatchMix;
  readonly #dispatcher: Dispatcher;
  readonly #split: CountSplit;
  readonly #time: SampledTime;
  readonly #tally: LayerTally;
  readonly #counts: Float64Array;
  readonly #variance: Float64Array;
  readonly #parts: Float64Array;
  /** `[gpus]`: tokens of the step that begin at each. */
  readonly #from: Float64Array;
  /** `[slots]` */
  readonly #gpuOf: Int32Array;
  /** Whether an expert of any layer has several slots. */
  readonly #splits: boolean;
  /** `[gpus of a node]`: tokens whose source is such a GPU of any node. */
  readonly #peerTokens: Float64Array;
  /** 0..1: where the next expert's parts are cut into whole selections. */
  #turn = 0;
  #rates: HopRates = { hops: 0, nodeHops: 0 };
  #steps = 0;

  constructor(options: PassOptions, turns: LayerTurns, profiles: ExpertProfiles, normals: NormalTable) {
    const { model, hardware, engine, routing, dispatch, seed, map } = options;
    const { topology, experts } = map.placement;
    this.map = map;
    this.#topk = model.topk;
    this.#routing = routing;
    this.#turns = turns;
    this.#profiles = profiles;
    this.#normals = normals;
    this.#mix = new BatchMix(profiles);
    this.#dispatcher = new Dispatcher(map.placement, replicaChooser(dispatch, map, seed));
    this.#split = countSplit(dispatch, map, seed);
    this.#time = new SampledTime(new StepCost(model, topology, hardware, engine), turns.weight);
    this.#tally = layerTally(topology);
    this.#counts = new Float64Array(experts);
    this.#variance = new Float64Array(experts);
    this.#parts = new Float64Array(this.#tally.slotLoad.length);
    this.#from = new Float64Array(this.#tally.gpuLoad.length);
    this.#peerTokens = new Float64Array(topology.gpusPerNode);
    this.#gpuOf = Int32Array.from(this.#parts, (_, slot) => Math.floor(slot / topology.slotsPerGpu));
    const { offsets } = map.replicas;
    this.#splits = offsets.some((from, i) => i + 1 < offsets.length && offsets[i + 1] - from > 1);
  }

  run(batch: StepBatch, meter: PoolMeter): number {
    const layers = this.#turns.next();
    if (this.#steps++ % HOPS_EVERY === 0) {
      this.#rates = hopRates(this.#dispatcher, this.#routing, batch, layers);
    }
    this.#mix.count(batch);
    this.#begin(batch);
    this.#time.begin(batch);
    for (const layer of layers) {
      this.#draw(layer);
      this.#load(layer);
      this.#travel(batch.tokens);
      this.#time.add(layer, this.#tally);
      meter.layer(layer, this.#tally, this.#turns.weight);
    }
    const { groups, tokens, varying } = this.#mix;
    for (const group of groups) {
      const { chance } = this.#profiles.of(group);
      meter.expect({ chance, tokens: tokens[group], varying: varying[group] }, this.#normals);
    }
    const { ms } = this.#time;
    meter.step(batch, ms);
    return ms;
  }

  #begin({ tokens, work, sources }: StepBatch): void {
    const begun = this.#from;
    if (work.length === begun.length)
      for (let gpu = 0; gpu < begun.length; gpu++) begun[gpu] = work[gpu].tokens;
    else {
      begun.fill(0);
      for (let token = 0; token < tokens; token++) begun[sources[token]]++;
    }
  }

  #draw(layer: number): void {
    const { groups, tokens, varying } = this.#mix;
    const counts = this.#counts;
    const variance = this.#variance;
    const experts = counts.length;
    const row = layer * experts;
    counts.fill(0);
    variance.fill(0);
    for (const group of groups) {
      const { chance } = this.#profiles.of(group);
      const all = tokens[group];
      const vary = varying[group];
      for (let expert = 0; expert < experts; expert++) {
        const p = chance[row + expert];
        counts[expert] += all * p;
        variance[expert] += vary * p * (1 - p);
      }
    }
    this.#normals.shuffle();
    this.#normals.countAll(counts, variance);
  }

  #load(layer: number): void {
    const tally = this.#tally;
    const counts = this.#counts;
    resetTally(tally);
    if (!this.#splits) return this.#loadWhole(layer);
    const { placement, replicas } = this.map;
    const { experts } = placement;
    const { offsets, slots } = replicas;
    const { slotLoad, gpuLoad } = tally;
    const gpuOf = this.#gpuOf;
    const parts = this.#parts;
    this.#split.split(layer, counts, this.#from, parts);
    let turn = this.#turn;
    for (let expert = 0; expert < experts; expert++) {
      const from = offsets[layer * experts + expert];
      const to = offsets[layer * experts + expert + 1];
      let part = 0;
      let given = 0;
      turn += GOLDEN;
      if (turn >= 1) turn -= 1;
      for (let i = from; i < to; i++) {
        // Whole selections that add up, of each slot its part on average: of one alone the first must not get it always.
        part += parts[slots[i]];
        const upTo = i + 1 === to ? counts[expert] : Math.floor(part * counts[expert] + turn);
        slotLoad[slots[i]] = upTo - given;
        gpuLoad[gpuOf[slots[i]]] += upTo - given;
        given = upTo;
      }
      tally.selections += given;
    }
    this.#turn = turn;
  }

  /** Every expert has one slot at most, which gets all its tokens. */
  #loadWhole(layer: number): void {
    const { offsets, slots } = this.map.replicas;
    const { slotLoad, gpuLoad } = this.#tally;
    const counts = this.#counts;
    const gpuOf = this.#gpuOf;
    const first = layer * counts.length;
    let selections = 0;
    for (let expert = 0; expert < counts.length; expert++) {
      const from = offsets[first + expert];
      if (from === offsets[first + expert + 1]) continue;
      const count = counts[expert];
      slotLoad[slots[from]] = count;
      gpuLoad[gpuOf[slots[from]]] += count;
      selections += count;
    }
    this.#tally.selections = selections;
  }

  /** Hops as measured; what each GPU receives follows its load, what it sends its tokens. */
  #travel(tokens: number): void {
    const { gpuLoad, selectionsFrom, nodeSends, nodeReceives, rankReceives, selections } = this.#tally;
    const { nodes, gpusPerNode } = this.map.placement.topology;
    const hops = this.#rates.hops * tokens;
    const nodeHops = this.#rates.nodeHops * tokens;
    const begun = this.#from;
    const peers = this.#peerTokens.fill(0);
    for (let gpu = 0; gpu < gpuLoad.length; gpu++) {
      peers[gpu % gpusPerNode] += begun[gpu];
      selectionsFrom[gpu] = begun[gpu] * this.#topk;
      nodeSends[gpu] = Math.round(this.#rates.nodeHops * begun[gpu]);
      rankReceives[gpu] = selections === 0 ? 0 : Math.round((hops * gpuLoad[gpu]) / selections);
    }
    for (let node = 0; node < nodes; node++) {
      let load = 0;
      for (let peer = 0; peer < gpusPerNode; peer++) load += gpuLoad[node * gpusPerNode + peer];
      const received = selections === 0 ? 0 : (nodeHops * load) / selections;
      for (let peer = 0; peer < gpusPerNode; peer++) {
        nodeReceives[node * gpusPerNode + peer] = Math.round((received * peers[peer]) / tokens);
      }
    }
    this.#tally.hops = hops;
    this.#tally.nodeHops = nodeHops;
  }
}
