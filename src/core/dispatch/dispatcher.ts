import type { LayerTally } from "../../model/layer-tally.ts";
import type { Placement } from "../../model/placement.ts";
import { checkSelections } from "./check-selections.ts";
import type { DispatchLayout } from "./dispatch-layout.ts";
import { LayoutBuilder } from "./layout-builder.ts";
import type { ReplicaChooser } from "./replica-chooser.ts";
import { TallyCounter } from "./tally-counter.ts";
import type { TokenBatch } from "./token-batch.ts";

const NO_TOKENS: TokenBatch = {
  tokens: 0,
  sources: new Int32Array(0),
  rows: new Int32Array(0),
  experts: new Int16Array(0),
  rowStride: 0,
  topk: 0,
};

/** Sends batches through one placement, one layer at a time: checks them, chooses replicas and says what that comes to. */
export class Dispatcher {
  readonly #experts: number;
  readonly #chooser: ReplicaChooser;
  readonly #counter: TallyCounter;
  readonly #builder: LayoutBuilder;
  #batch = NO_TOKENS;
  #slots = new Int32Array(0);

  /** @param chooser of the same placement */
  constructor(placement: Placement, chooser: ReplicaChooser) {
    this.#experts = placement.experts;
    this.#chooser = chooser;
    this.#counter = new TallyCounter(placement.topology);
    this.#builder = new LayoutBuilder(placement.topology);
  }

  /**
   * @param layer  MoE layer of the placement
   * @param column where the layer's `topk` expert ids begin within each row of `batch.experts`
   * @returns `[tokens × topk]`, perhaps longer: the physical slot of every selection, -1 where there is none; until
   *   the next call
   * @throws RangeError naming the token and layer of the first expert id out of range
   */
  choose(layer: number, column: number, batch: TokenBatch): Int32Array {
    checkSelections(layer, column, batch, this.#experts);
    const needed = batch.tokens * batch.topk;
    if (this.#slots.length < needed) this.#slots = new Int32Array(needed * 2);
    this.#chooser.choose(layer, column, batch, this.#slots);
    this.#batch = batch;
    return this.#slots;
  }

  /** What was chosen last does to the network and the GPUs; until the next call. */
  tally(): LayerTally {
    return this.#counter.count(this.#batch, this.#slots);
  }

  /** What was chosen last as the all-to-all needs it; until the next call. */
  layout(): DispatchLayout {
    return this.#builder.build(this.#batch.tokens, this.#batch.topk, this.#slots);
  }
}
