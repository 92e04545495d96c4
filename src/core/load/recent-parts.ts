import { type ExpertLoad, emptyLoad } from "../../model/load.ts";
import { PART_TOKENS } from "./part-loads.ts";
import { WindowSum } from "./window-sum.ts";

const MOST_PARTS = 32;
/** Fewer parts say too little of what varies together. */
const LEAST_PARTS = 8;

/** The recent past as loads of parts of at least PART_TOKENS tokens, windows joined as they come: 32 parts at most. */
export class RecentParts {
  readonly #layers: number;
  readonly #experts: number;
  readonly #topk: number;
  readonly #sum: WindowSum;
  readonly #parts: ExpertLoad[] = [];
  #next = 0;

  constructor(layers: number, experts: number, topk: number) {
    this.#layers = layers;
    this.#experts = experts;
    this.#topk = topk;
    this.#sum = new WindowSum(layers, experts);
  }

  observe(load: ExpertLoad, spanMs: number): void {
    this.#sum.add(load, spanMs);
    if (this.#selections() < PART_TOKENS * this.#topk) return;
    if (this.#parts.length < MOST_PARTS) this.#parts.push(emptyLoad(this.#layers, this.#experts));
    this.#parts[this.#next].tokens.set(this.#sum.load.tokens);
    this.#next = (this.#next + 1) % MOST_PARTS;
    this.#sum.clear();
  }

  /** What was before is of another kind than what comes. */
  forget(): void {
    this.#parts.length = 0;
    this.#next = 0;
    this.#sum.clear();
  }

  /**
   * How a load may well vary: as the parts did around their mean. Empty while they are few; in no order.
   * @param load what is expected, in any unit
   */
  around(load: ExpertLoad): ExpertLoad[] {
    const count = this.#parts.length;
    if (count < LEAST_PARTS) return [];
    const scale = new Float64Array(load.tokens.length);
    for (const { tokens } of this.#parts)
      for (let i = 0; i < scale.length; i++) scale[i] += tokens[i] / count;
    for (let i = 0; i < scale.length; i++) scale[i] = scale[i] === 0 ? 0 : load.tokens[i] / scale[i];
    return this.#parts.map(({ tokens }) => {
      const scaled = tokens.slice();
      for (let i = 0; i < scaled.length; i++) scaled[i] *= scale[i];
      return { ...load, tokens: scaled };
    });
  }

  /** Of the layer with most: a layer may have been idle. */
  #selections(): number {
    const { tokens } = this.#sum.load;
    let most = 0;
    for (let i = 0; i < tokens.length; ) {
      let sum = 0;
      for (const end = i + this.#experts; i < end; i++) sum += tokens[i];
      most = Math.max(most, sum);
    }
    return most;
  }
}
