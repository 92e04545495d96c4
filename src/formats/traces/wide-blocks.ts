import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../../model/traffic.ts";
import { MOST } from "../json.ts";
import { mixedBits } from "../../lib/mixed-bits.ts";

/**
 * Gives requests prefix blocks of `PREFIX_BLOCK_TOKENS` with ids that are small, whatever their trace has: a block's id
 * stands for all of the prompt up to its end, so that equal ids mean equal text up to there.
 */
export class WideBlocks {
  readonly #ids = new Map<number, number>();

  widened(request: TraceRequest): TraceRequest {
    const { prefixBlocks, blockTokens, ...rest } = request;
    if (prefixBlocks === undefined) return request;
    const tokens = blockTokens ?? PREFIX_BLOCK_TOKENS;
    if (tokens === PREFIX_BLOCK_TOKENS && !prefixBlocks.some((id) => id > MOST)) return request;
    const known = Math.min(request.inputTokens, prefixBlocks.length * tokens);
    const wide: number[] = [];
    const chain = new Chain();
    let taken = 0;
    for (let end = PREFIX_BLOCK_TOKENS; end - PREFIX_BLOCK_TOKENS < known; end += PREFIX_BLOCK_TOKENS) {
      const until = Math.min(prefixBlocks.length, Math.ceil(end / tokens));
      for (; taken < until; taken++) chain.add(prefixBlocks[taken]);
      wide.push(this.#idOf(chain.value(wide.length)));
    }
    return { ...rest, prefixBlocks: wide };
  }

  #idOf(key: number): number {
    const id = this.#ids.get(key) ?? MOST + 1 + this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }
}

/** Two chained hashes of 32 bits; 53 bits of them are used. */
class Chain {
  #a = 0x9e3779b9;
  #b = 0x85ebca6b;

  add(id: number): void {
    const low = id | 0;
    const high = Math.floor(id / 0x1_0000_0000) | 0;
    this.#a = mixedBits(this.#a ^ mixedBits(low ^ mixedBits(high)));
    this.#b = mixedBits(this.#b + Math.imul(low, 0x27d4eb2f) + Math.imul(high, 0x165667b1));
  }

  /** @param place of the block, by which a long block that is cut in several gives each its own */
  value(place: number): number {
    const high = mixedBits(this.#a + place) >>> 11;
    return high * 0x1_0000_0000 + (mixedBits(this.#b ^ place) >>> 0);
  }
}
