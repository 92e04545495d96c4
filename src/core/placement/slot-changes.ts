import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { LevelFlow } from "../shares/level-flow.ts";

/** Slots of a layer, and the experts they get instead. */
export interface SlotChange {
  readonly slots: readonly number[];
  readonly experts: readonly number[];
  /** A guess at the excess that it takes off, less what it wastes, for each move. */
  readonly guess: number;
}

/** Changes of each kind that are worth trying. */
const KEPT = 8;
/** Experts that changes of two slots in a row are looked for. */
const HOTTEST = 6;
/** A change that moves nothing, as it takes others back, is not worth more than this lets it. */
export const LEAST_COST = 0.5;
/** Of load, what room that a change leaves unused counts: it may be all that a heavier expert could have had. */
const WASTE = 0.002;
/** What replicas carry counts by this part of it: those of heavy experts, in place of light ones', serve the next load too. */
const LEAN = 0.3;
/** The same of a replica that is given up, where an empty slot would do: it may be needed yet. */
const REPLICA = 0.01;

/**
 * Finds the changes of a few slots that promise to take excess off the jammed GPUs of a layer:
 * - a further replica of an expert that has nowhere to go, in place of one that can be spared (one slot),
 * - the same in place of an expert that goes on to such a slot elsewhere (two),
 * - an expert of a jammed GPU against a lighter one of another (two).
 *
 * They are guesses by the loads that slots carry now: what a change brings is seen when the flow has settled.
 */
export class SlotChanges {
  readonly #flow: LevelFlow;
  readonly #inForce: Int32Array;
  readonly #tokens: Float64Array;
  readonly #slots: Int32Array;
  readonly #slotsPerGpu: number;
  /** `[gpus]`: excess that the relief of each can reach, and what each can still take. */
  readonly #excessAt: Float64Array;
  readonly #room: Float64Array;
  /** `[gpus]`: 0 where a slot may be given back its expert, else 1. */
  readonly #leastCost: Uint8Array;
  /** `[gpus]`: the least that a slot of each carries. */
  readonly #lightest: Float64Array;
  /** GPUs that are not jammed, the roomiest first. */
  #open: Int32Array;
  /** Spare slots of these: what an expert there could carry, and what of the present one's load finds no other GPU. */
  #spare: SpareSlot[] = [];

  constructor(flow: LevelFlow, inForce: Int32Array, tokens: Float64Array, { slots }: PoolCapacity) {
    this.#flow = flow;
    this.#inForce = inForce;
    this.#tokens = tokens;
    this.#slots = slots;
    this.#slotsPerGpu = flow.row.length / slots.length;
    this.#excessAt = new Float64Array(slots.length);
    this.#room = new Float64Array(slots.length);
    this.#leastCost = new Uint8Array(slots.length);
    this.#lightest = new Float64Array(slots.length);
    this.#open = new Int32Array(0);
  }

  /** The most promising first. The flow has settled. */
  find(): SlotChange[] {
    const flow = this.#flow;
    flow.excessAt(this.#excessAt);
    for (let gpu = 0; gpu < this.#room.length; gpu++) this.#room[gpu] = flow.room(gpu);
    this.#leastCost.fill(1);
    this.#lightest.fill(Number.POSITIVE_INFINITY);
    for (let slot = 0; slot < flow.row.length; slot++) {
      const gpu = flow.gpuOf[slot];
      if (flow.row[slot] !== this.#inForce[slot]) this.#leastCost[gpu] = 0;
      if (flow.flow[slot] < this.#lightest[gpu] && flow.row[slot] >= 0) this.#lightest[gpu] = flow.flow[slot];
    }
    this.#open = this.#openGpus();
    this.#spare = this.#spareSlots();
    const hot = this.#hotExperts();
    const found = [...this.#replicas(hot), ...this.#swaps(), ...this.#chains(hot.slice(0, HOTTEST))];
    return found.sort((a, b) => b.guess - a.guess);
  }

  #openGpus(): Int32Array {
    const open = this.#flow.jammed.length - this.#flow.jams;
    const gpus = new Int32Array(open);
    for (let gpu = 0, i = 0; i < open; gpu++) if (this.#flow.jammed[gpu] === 0) gpus[i++] = gpu;
    return gpus.sort((a, b) => this.#room[b] - this.#room[a]);
  }

  cost(slot: number, expert: number): number {
    return moveCost(this.#flow, this.#inForce, slot, expert);
  }

  costOf({ slots, experts }: SlotChange): number {
    let cost = 0;
    for (const [i, slot] of slots.entries()) cost += this.cost(slot, experts[i]);
    return cost;
  }

  #spareSlots(): SpareSlot[] {
    const { row, flow, replicas } = this.#flow;
    const spare: SpareSlot[] = [];
    for (const gpu of this.#open) {
      const first = gpu * this.#slotsPerGpu;
      for (let slot = first; slot < first + this.#slots[gpu]; slot++) {
        const expert = row[slot];
        if (expert >= 0 && replicas[expert] < 2) continue;
        const carried = expert < 0 ? 0 : this.#tokens[expert] / replicas[expert];
        spare.push({ slot, gpu, free: this.#room[gpu] + flow[slot], loss: this.#loss(slot, gpu), carried });
      }
    }
    return spare.sort((a, b) => a.free - b.free);
  }

  /** What of the load of a replica would find no room with the others. */
  #loss(slot: number, gpu: number): number {
    const flow = this.#flow;
    if (flow.flow[slot] === 0) return 0;
    let left = flow.flow[slot];
    for (let other = flow.firstSlot(flow.row[slot]); other >= 0; other = flow.nextSlot(other)) {
      if (other !== slot) left -= flow.gpuOf[other] === gpu ? left : this.#room[flow.gpuOf[other]];
    }
    return Math.max(0, left);
  }

  /** Experts with nowhere to go, and how much of their load is wanted elsewhere; the most first. */
  #hotExperts(): HotExpert[] {
    const flow = this.#flow;
    const hot: HotExpert[] = [];
    for (let expert = 0; expert < this.#tokens.length; expert++) {
      if (flow.confined[expert] === 0) continue;
      const excess = this.#excessAt[flow.gpuOf[flow.firstSlot(expert)]];
      hot.push({ expert, wanted: Math.min(this.#tokens[expert], excess) });
    }
    return hot.sort((a, b) => b.wanted - a.wanted);
  }

  #replicas(hot: readonly HotExpert[]): SlotChange[] {
    const { row, replicas } = this.#flow;
    const best: SlotChange[] = [];
    for (const { expert, wanted } of hot) {
      let found: SlotChange | null = null;
      let above = best.length < KEPT ? 0 : best[KEPT - 1].guess;
      const lean = LEAN * (this.#tokens[expert] / replicas[expert]);
      if (wanted + lean <= above * LEAST_COST) continue;
      for (const { slot, gpu, free, loss, carried } of this.#spare) {
        const gain = Math.min(wanted, free) - loss;
        if (gain + lean <= above * LEAST_COST) continue;
        const waste = WASTE * Math.max(0, free - wanted) + (row[slot] < 0 ? 0 : REPLICA * gain);
        const guess = (gain - waste + lean - LEAN * carried) / Math.max(LEAST_COST, this.cost(slot, expert));
        if (guess <= above || this.#flow.holds(gpu, expert)) continue;
        above = guess;
        found = { slots: [slot], experts: [expert], guess };
      }
      if (found !== null) keepBest(best, found);
    }
    return best;
  }

  #swaps(): SlotChange[] {
    const { row, flow, queue, jams, excess, replicas } = this.#flow;
    const best: SlotChange[] = [];
    const jammed = queue.slice(0, jams).sort((a, b) => this.#excessAt[b] - this.#excessAt[a]);
    for (const gpu of jammed) {
      const wanted = this.#excessAt[gpu];
      const leastHere = this.#leastCost[gpu];
      let found: SlotChange | null = null;
      let above = best.length < KEPT ? 0 : best[KEPT - 1].guess;
      const end = gpu * this.#slotsPerGpu + this.#slots[gpu];
      for (let heavy = gpu * this.#slotsPerGpu; heavy < end; heavy++) {
        const expert = row[heavy];
        if (expert < 0) continue;
        const carried = flow[heavy] + (replicas[expert] === 1 ? excess[expert] : 0);
        if (carried <= above * LEAST_COST) continue;
        // From the GPUs where it just fits to the roomier ones, then to those where less and less does.
        const fit = this.#fitting(wanted);
        for (let n = 0; n < this.#open.length; n++) {
          const other = this.#open[n <= fit ? fit - n : n];
          const room = this.#room[other];
          if (room <= above * LEAST_COST) break;
          const reach = carried - this.#lightest[other];
          const most = Math.min(wanted, room, reach) - WASTE * Math.max(0, room - reach);
          if (most <= above * Math.max(LEAST_COST, leastHere + this.#leastCost[other])) continue;
          const last = other * this.#slotsPerGpu + this.#slots[other];
          for (let light = other * this.#slotsPerGpu; light < last; light++) {
            const moved = carried - flow[light];
            const gain = Math.min(wanted, moved) - Math.max(0, moved - room);
            if (gain <= above * LEAST_COST || row[light] < 0) continue;
            const moves = this.cost(heavy, row[light]) + this.cost(light, expert);
            const guess = (gain - WASTE * Math.max(0, room - moved)) / Math.max(LEAST_COST, moves);
            if (guess <= above || this.#flow.holds(other, expert) || this.#flow.holds(gpu, row[light]))
              continue;
            above = guess;
            found = { slots: [heavy, light], experts: [row[light], expert], guess };
          }
        }
      }
      if (found !== null) keepBest(best, found);
    }
    return best;
  }

  /** The last of the open GPUs that has room for so much; −1 for none. */
  #fitting(load: number): number {
    let [from, to] = [0, this.#open.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#room[this.#open[middle]] >= load) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }

  #chains(hot: readonly HotExpert[]): SlotChange[] {
    const { row, flow } = this.#flow;
    const best: SlotChange[] = [];
    if (hot.length === 0 || this.#spare.length === 0) return best;
    for (const gpu of this.#open) {
      const end = gpu * this.#slotsPerGpu + this.#slots[gpu];
      const least = Math.max(LEAST_COST, 2 * this.#leastCost[gpu]);
      for (let slot = gpu * this.#slotsPerGpu; slot < end; slot++) {
        const free = this.#room[gpu] + flow[slot];
        if (row[slot] < 0 || !isBetter(best, Math.min(free, hot[0].wanted) / least)) continue;
        const to = this.#spareFor(row[slot], flow[slot], gpu);
        if (to === null) continue;
        for (const { expert, wanted } of hot) {
          const gain = Math.min(wanted, free) - to.loss;
          const waste = Math.max(0, free - wanted) + Math.max(0, to.free - flow[slot]);
          const moves = this.cost(slot, expert) + this.cost(to.slot, row[slot]);
          const guess = (gain - WASTE * waste) / Math.max(LEAST_COST, moves);
          if (gain <= 0 || !isBetter(best, guess) || this.#flow.holds(gpu, expert)) continue;
          keepBest(best, { slots: [slot, to.slot], experts: [expert, row[slot]], guess });
        }
      }
    }
    return best;
  }

  /** The spare slot elsewhere that an expert with this load fits into best. */
  #spareFor(expert: number, carried: number, gpu: number): SpareSlot | null {
    const spare = this.#spare;
    let [from, to] = [0, spare.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (spare[middle].free < carried) from = middle + 1;
      else to = middle;
    }
    for (let i = from; i < spare.length; i++) {
      const at = spare[i];
      if (at.loss === 0 && at.gpu !== gpu && !this.#flow.holds(at.gpu, expert)) return at;
    }
    return null;
  }
}

/** How many more slots differ from the placement in force with the expert there. */
export function moveCost(flow: LevelFlow, inForce: Int32Array, slot: number, expert: number): number {
  return (expert === inForce[slot] ? 0 : 1) - (flow.row[slot] === inForce[slot] ? 0 : 1);
}

interface SpareSlot {
  readonly slot: number;
  readonly gpu: number;
  readonly free: number;
  readonly loss: number;
  /** The load of its expert, for each replica. */
  readonly carried: number;
}

interface HotExpert {
  readonly expert: number;
  readonly wanted: number;
}

function isBetter(best: readonly SlotChange[], guess: number): boolean {
  return best.length < KEPT || guess > best[best.length - 1].guess;
}

/** Keeps the best changes, the best first; of equals those found first. */
function keepBest(best: SlotChange[], change: SlotChange): void {
  let at = best.length;
  while (at > 0 && best[at - 1].guess < change.guess) at--;
  best.splice(at, 0, change);
  if (best.length > KEPT) best.pop();
}
