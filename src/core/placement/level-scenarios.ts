import type { ExpertLoad } from "../../model/load.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import { type Topology, slotCount } from "../../model/topology.ts";
import { LayerFlow } from "../shares/layer-flow.ts";
import type { Coactivation } from "./coactivation.ts";
import { HopGains } from "./hop-gains.ts";
import type { Zones } from "./zones.ts";

/** Shares are solved again after each; more bring nothing. */
const ROUNDS = 2;
const PASSES = 8;
/** What a swap has to take off the sum of squares, in squared mean GPU loads. */
const LEAST_GAIN = 1e-9;
/** What a node hop of every token weighs against the mean square of GPU loads, per unit of hop weight. */
const HOP_SCALE = 0.02;

/**
 * Exchanges experts between GPUs so that their loads vary less from scenario to scenario: experts that are in demand
 * together part, and those with opposite tides meet. The sum over GPUs and scenarios of load² / speed falls with
 * every swap; the load of a scenario is shared as is best for that scenario, because shares follow the load and
 * placements do not. Where co-activation counts, experts leave their node only for as much as the hops are worth.
 * Replicas stay where they were seated for flow. Keeps its large buffers from layer to layer.
 */
export class ScenarioLeveller {
  readonly #topology: Topology;
  readonly #speeds: Float64Array;
  readonly #zones: Zones;
  readonly #scenarios: readonly ExpertLoad[];
  readonly #width: number;
  /** `[slots][scenarios]`: what each slot carries, in mean GPU loads of the scenario. */
  readonly #carried: Float64Array;
  /** `[slots][slots]`: products of what they carry, summed over the scenarios. */
  readonly #product: Float64Array;
  /** `[gpus][slots]`: the same of a whole GPU with a slot. */
  readonly #gpuProduct: Float64Array;
  /** `[slots]`: the slot that each one's expert came from in this round, by which the products are numbered. */
  readonly #origin: Int32Array;
  readonly #experts: Int32Array;
  readonly #copies: Int32Array;
  readonly #hops: HopGains | null;
  readonly #hopWeight: number;
  /** `[slots]` */
  readonly #zoneOf: Int32Array;
  /** `[experts]`: 1 when the expert has left its node since hops were last counted. */
  readonly #touched: Uint8Array;

  constructor(
    topology: Topology,
    speeds: Float64Array,
    zones: Zones,
    scenarios: readonly ExpertLoad[],
    coactivation: Coactivation | null,
  ) {
    const width = slotCount(topology);
    this.#topology = topology;
    this.#speeds = speeds;
    this.#zones = zones;
    this.#scenarios = scenarios;
    this.#width = width;
    this.#carried = new Float64Array(width * scenarios.length);
    this.#product = new Float64Array(width * width);
    this.#gpuProduct = new Float64Array(speeds.length * width);
    this.#origin = new Int32Array(width);
    this.#experts = new Int32Array(width);
    const { experts } = scenarios[0];
    this.#copies = new Int32Array(experts);
    this.#touched = new Uint8Array(experts);
    this.#zoneOf = Int32Array.from(
      { length: width },
      (_, slot) => zones.ofGpu[Math.floor(slot / topology.slotsPerGpu)],
    );
    const known = coactivation !== null && coactivation.sample.tokens > 0;
    this.#hops = known ? new HopGains(coactivation.sample, zones.count, experts) : null;
    this.#hopWeight = known ? HOP_SCALE * coactivation.hopWeight * speeds.length : 0;
  }

  /** @param row `[slots]` of the layer, exchanged in place; −1 stays where it is */
  level(layer: number, row: Int32Array): void {
    this.#copies.fill(0);
    for (const expert of row) if (expert >= 0) this.#copies[expert]++;
    for (let round = 0; round < ROUNDS; round++) {
      this.#carry(layer, row);
      this.#multiply();
      let swaps = 0;
      for (let pass = 0; pass < PASSES; pass++) {
        this.#countHops(layer, row);
        const more = this.#swapAll(row);
        swaps += more;
        if (more === 0) break;
      }
      this.#readExperts(row);
      row.set(this.#experts);
      if (swaps === 0) return;
    }
  }

  #readExperts(row: Int32Array): void {
    for (let slot = 0; slot < this.#width; slot++) this.#experts[slot] = row[this.#origin[slot]];
  }

  #countHops(layer: number, row: Int32Array): void {
    if (this.#hops === null) return;
    this.#touched.fill(0);
    this.#readExperts(row);
    this.#hops.count(layer, this.#experts, this.#zoneOf);
  }

  #carry(layer: number, row: Int32Array): void {
    const { experts } = this.#scenarios[0];
    const count = this.#scenarios.length;
    const placement: Placement = { layers: 1, experts, topology: this.#topology, physicalToLogical: row };
    const flow = new LayerFlow(placement, indexReplicas(placement), this.#speeds);
    const shares = new Float64Array(this.#width);
    const prices = new Float64Array(this.#speeds.length);
    const speed = this.#zones.speeds.reduce((a, b) => a + b, 0);
    for (let s = 0; s < count; s++) {
      const load = this.#scenarios[s].tokens.subarray(layer * experts, (layer + 1) * experts);
      flow.solve(0, load, shares, prices, null);
      const mean = load.reduce((a, b) => a + b, 0) / speed;
      for (let slot = 0; slot < this.#width; slot++) {
        const carried = row[slot] < 0 || mean === 0 ? 0 : (shares[slot] * load[row[slot]]) / mean;
        this.#carried[slot * count + s] = carried;
      }
    }
  }

  #multiply(): void {
    const width = this.#width;
    const count = this.#scenarios.length;
    const carried = this.#carried;
    const product = this.#product;
    for (let a = 0; a < width; a++) {
      this.#origin[a] = a;
      for (let b = 0; b <= a; b++) {
        let sum = 0;
        for (let s = 0; s < count; s++) sum += carried[a * count + s] * carried[b * count + s];
        product[a * width + b] = sum / count;
        product[b * width + a] = sum / count;
      }
    }
    this.#gpuProduct.fill(0);
    for (let slot = 0; slot < width; slot++) {
      const gpu = Math.floor(slot / this.#topology.slotsPerGpu) * width;
      for (let b = 0; b < width; b++) this.#gpuProduct[gpu + b] += product[slot * width + b];
    }
  }

  /** Every expert with one copy changes places with the one that gains most, if any does; returns the swaps. */
  #swapAll(row: Int32Array): number {
    let swaps = 0;
    for (let slot = 0; slot < this.#width; slot++) {
      if (!this.#moves(row, slot)) continue;
      const other = this.#best(row, slot);
      if (other < 0) continue;
      if (this.#zoneOf[slot] !== this.#zoneOf[other]) {
        this.#touched[row[this.#origin[slot]]] = 1;
        this.#touched[row[this.#origin[other]]] = 1;
      }
      this.#swap(slot, other);
      swaps++;
    }
    return swaps;
  }

  #moves(row: Int32Array, slot: number): boolean {
    const expert = row[this.#origin[slot]];
    return expert >= 0 && this.#copies[expert] === 1;
  }

  #best(row: Int32Array, slot: number): number {
    const width = this.#width;
    const { slotsPerGpu } = this.#topology;
    const product = this.#product;
    const gpuProduct = this.#gpuProduct;
    const ofGpu = this.#zones.ofGpu;
    const hops = this.#hops;
    const here = Math.floor(slot / slotsPerGpu);
    const a = this.#origin[slot];
    let best = -1;
    let least = -LEAST_GAIN;
    for (let gpu = 0; gpu < ofGpu.length; gpu++) {
      const leaves = ofGpu[gpu] !== ofGpu[here];
      if (gpu === here || (leaves && (hops === null || this.#touched[row[a]] === 1))) continue;
      for (let other = gpu * slotsPerGpu; other < (gpu + 1) * slotsPerGpu; other++) {
        if (!this.#moves(row, other)) continue;
        const b = this.#origin[other];
        const square = product[a * width + a] - 2 * product[a * width + b] + product[b * width + b];
        const gained = 2 * (gpuProduct[here * width + b] - gpuProduct[here * width + a]) + square;
        const lost = 2 * (gpuProduct[gpu * width + a] - gpuProduct[gpu * width + b]) + square;
        let change = gained / this.#speeds[here] + lost / this.#speeds[gpu];
        if (leaves && hops !== null) {
          if (this.#touched[row[b]] === 1) continue;
          change -= this.#hopWeight * (hops.gain(row[a], ofGpu[gpu]) + hops.gain(row[b], ofGpu[here]));
        }
        if (change < least) {
          least = change;
          best = other;
        }
      }
    }
    return best;
  }

  #swap(slot: number, other: number): void {
    const width = this.#width;
    const { slotsPerGpu } = this.#topology;
    const here = Math.floor(slot / slotsPerGpu) * width;
    const there = Math.floor(other / slotsPerGpu) * width;
    const a = this.#origin[slot];
    const b = this.#origin[other];
    for (let i = 0; i < width; i++) {
      const change = this.#product[b * width + i] - this.#product[a * width + i];
      this.#gpuProduct[here + i] += change;
      this.#gpuProduct[there + i] -= change;
    }
    this.#origin[slot] = b;
    this.#origin[other] = a;
  }
}
