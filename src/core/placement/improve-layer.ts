import { type Placement, type ReplicaIndex, indexReplicas, reindexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { LayerFlow } from "../shares/layer-flow.ts";
import { holdsTwice } from "./rehome-experts.ts";

/** A layer whose maximum is this near its bound is left as it is. */
const CLOSE_ENOUGH = 0.002;
/** Lowering a layer's maximum by less than this part of it is not worth a moved slot. */
const LEAST_GAIN_PER_MOVE = 0.00003;
/** Changes tried by exact shares before one is taken. */
const TRIED = 6;

/** One change of a layer: slots and the experts they get instead. */
interface Change {
  readonly slots: readonly number[];
  readonly experts: readonly number[];
  /** A guess at how much load it takes off the fullest GPUs. */
  readonly relief: number;
}

/** A layer's exact shares. */
interface LayerSolution {
  /** `[slots]` */
  readonly values: Float64Array;
  /** `[gpus]` */
  readonly prices: Float64Array;
  readonly optimum: number;
}

/** A layer under its exact shares. */
interface LayerState {
  readonly solution: LayerSolution;
  /** `[gpus]` */
  readonly loads: Float64Array;
  /** `[experts]` */
  readonly copies: Int32Array;
  /** The heaviest experts whose every copy is on a binding GPU: no roomy one holds any of them. */
  readonly confined: readonly number[];
  /** The least loaded of the GPUs that do not bind. */
  readonly roomy: readonly number[];
}

/** One layer of `improvePlacement`. */
export class LayerImprover {
  readonly #tokens: Float64Array;
  readonly #capacity: PoolCapacity;
  readonly #row: Int32Array;
  readonly #placement: Placement;
  readonly #replicas: ReplicaIndex;
  readonly #flow: LayerFlow;
  readonly #slotsPerGpu: number;
  /** The usable slots of each GPU. */
  readonly #slotsOf: readonly (readonly number[])[];

  constructor(
    { topology, experts }: Pick<Placement, "topology" | "experts">,
    tokens: Float64Array,
    capacity: PoolCapacity,
    row: Int32Array,
  ) {
    this.#tokens = tokens;
    this.#capacity = capacity;
    this.#row = row;
    this.#placement = { layers: 1, experts, topology, physicalToLogical: row };
    this.#replicas = indexReplicas(this.#placement);
    this.#flow = new LayerFlow(this.#placement, this.#replicas, capacity.speeds);
    this.#slotsPerGpu = topology.slotsPerGpu;
    this.#slotsOf = Array.from(capacity.slots, (count, gpu) =>
      Array.from({ length: count }, (_, i) => gpu * topology.slotsPerGpu + i),
    );
  }

  run(bound: number, mostMoves: number): void {
    let solution = this.#solve();
    let left = mostMoves;
    while (left > 0 && solution.optimum > bound * (1 + CLOSE_ENOUGH)) {
      const state = this.#state(solution);
      const changes = [...this.#furtherCopies(state), ...this.#swaps(state)]
        .filter(({ slots }) => slots.length <= left)
        .toSorted((a, b) => b.relief / b.slots.length - a.relief / a.slots.length)
        .slice(0, TRIED);
      let best: { readonly change: Change; readonly after: LayerSolution } | null = null;
      let most = LEAST_GAIN_PER_MOVE;
      for (const change of changes) {
        const undo = change.slots.map((slot) => this.#row[slot]);
        this.#apply(change.slots, change.experts);
        const after = this.#solve();
        this.#apply(change.slots, undo);
        const gain = (1 - after.optimum / solution.optimum) / change.slots.length;
        if (gain > most) {
          most = gain;
          best = { change, after };
        }
      }
      if (best === null) return;
      this.#apply(best.change.slots, best.change.experts);
      left -= best.change.slots.length;
      solution = best.after;
    }
  }

  #solve(): LayerSolution {
    reindexReplicas(this.#placement, this.#replicas);
    const values = new Float64Array(this.#row.length);
    const prices = new Float64Array(this.#capacity.slots.length);
    this.#flow.solve(0, this.#tokens, values, prices, null);
    return { values, prices, optimum: this.#flow.optimum };
  }

  #apply(slots: readonly number[], experts: readonly number[]): void {
    for (const [i, slot] of slots.entries()) this.#row[slot] = experts[i];
  }

  /** A copy of each expert confined to binding GPUs, on the least loaded GPU, where a copy can be spared. */
  #furtherCopies({ solution, loads, copies, confined, roomy }: LayerState): Change[] {
    const changes: Change[] = [];
    for (const expert of confined) {
      for (const gpu of roomy) {
        const victim = this.#spareSlot(gpu, solution, copies);
        if (victim < 0) continue;
        const gap = solution.optimum * this.#capacity.speeds[gpu] - loads[gpu];
        const relief = Math.min(this.#tokens[expert], gap) - this.#freed(victim, solution);
        changes.push({ slots: [victim], experts: [expert], relief });
        break;
      }
    }
    return changes;
  }

  /** Experts with one copy on a binding GPU against lighter ones elsewhere. */
  #swaps({ solution, loads, copies, roomy }: LayerState): Change[] {
    const best: Change[] = [];
    for (let gpu = 0; gpu < loads.length; gpu++) {
      if (solution.prices[gpu] === 0) continue;
      for (const heavy of this.#slotsOf[gpu]) {
        if (copies[this.#row[heavy]] !== 1) continue;
        for (const other of roomy) {
          const gap = solution.optimum * this.#capacity.speeds[other] - loads[other];
          for (const light of this.#slotsOf[other]) {
            if (copies[this.#row[light]] !== 1) continue;
            const moved = this.#tokens[this.#row[heavy]] - this.#tokens[this.#row[light]];
            if (moved <= 0 || moved > gap || (best.length === TRIED && moved <= best[TRIED - 1].relief))
              continue;
            const experts = [this.#row[light], this.#row[heavy]];
            keepBest(best, { slots: [heavy, light], experts, relief: moved });
          }
        }
      }
    }
    return best;
  }

  #state(solution: LayerSolution): LayerState {
    const { slots, speeds } = this.#capacity;
    const loads = new Float64Array(slots.length);
    const copies = new Int32Array(this.#tokens.length);
    const free = new Uint8Array(this.#tokens.length);
    for (let slot = 0; slot < this.#row.length; slot++) {
      const expert = this.#row[slot];
      if (expert < 0) continue;
      const gpu = Math.floor(slot / this.#slotsPerGpu);
      loads[gpu] += this.#carried(slot, solution);
      copies[expert]++;
      if (solution.prices[gpu] === 0) free[expert] = 1;
    }
    const confined = [...copies.keys()]
      .filter((e) => free[e] === 0)
      .toSorted((a, b) => this.#tokens[b] - this.#tokens[a])
      .slice(0, TRIED);
    const roomy = [...loads.keys()]
      .filter((gpu) => solution.prices[gpu] === 0 && slots[gpu] > 0)
      .toSorted((a, b) => loads[a] / speeds[a] - loads[b] / speeds[b])
      .slice(0, TRIED);
    return { solution, loads, copies, confined, roomy };
  }

  /** An empty slot of the GPU, else the one that frees least of those whose expert has another copy; −1 for none. */
  #spareSlot(gpu: number, solution: LayerSolution, copies: Int32Array): number {
    let best = -1;
    for (const slot of this.#slotsOf[gpu]) {
      if (this.#row[slot] < 0) return slot;
      if (copies[this.#row[slot]] < 2) continue;
      if (best < 0 || this.#freed(slot, solution) < this.#freed(best, solution)) best = slot;
    }
    return best;
  }

  /** What goes elsewhere when the slot is given another expert: nothing where its GPU holds the present one twice. */
  #freed(slot: number, solution: LayerSolution): number {
    return holdsTwice(this.#row, slot, this.#slotsPerGpu) ? 0 : this.#carried(slot, solution);
  }

  #carried(slot: number, solution: LayerSolution): number {
    return this.#row[slot] < 0 ? 0 : solution.values[slot] * this.#tokens[this.#row[slot]];
  }
}

/** Keeps the changes with most relief, the most first; of equals those found first. */
function keepBest(best: Change[], change: Change): void {
  let at = best.length;
  while (at > 0 && best[at - 1].relief < change.relief) at--;
  best.splice(at, 0, change);
  if (best.length > TRIED) best.pop();
}
