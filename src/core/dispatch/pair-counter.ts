import { type ExchangeCounts, type ExchangeUnits, exchangeUnits } from "../../model/pool-exchange.ts";
import { type Topology, slotCount } from "../../model/topology.ts";
import type { TokenBatch } from "./token-batch.ts";

/** Adds up who sends to whom, from the slots chosen, as TallyCounter counts what that does to each GPU. */
export class PairCounter {
  readonly #units: ExchangeUnits;
  readonly #gpuOf: Int32Array;
  /** `[units]`: the last token that came there. */
  readonly #visited: Int32Array;
  #serial = 0;
  #counts: ExchangeCounts;

  constructor(topology: Topology) {
    this.#units = exchangeUnits(topology);
    this.#gpuOf = Int32Array.from({ length: slotCount(topology) }, (_, slot) =>
      Math.floor(slot / topology.slotsPerGpu),
    );
    this.#visited = new Int32Array(this.#units.units);
    this.#counts = noCounts(this.#units.units);
  }

  /**
   * @param slots  `[tokens × topk]` as a ReplicaChooser wrote it, for one layer
   * @param weight (token, layer) pairs that each token stands for
   */
  count({ tokens, sources, topk }: TokenBatch, slots: Int32Array, weight: number): void {
    const { units, unitOf } = this.#units;
    const { selections, tokens: pairs } = this.#counts;
    const gpuOf = this.#gpuOf;
    const visited = this.#visited;
    if (this.#serial > 0x7fff_ffff - tokens) {
      visited.fill(0);
      this.#serial = 0;
    }
    let serial = this.#serial;
    let own = 0;
    for (let token = 0, o = 0; token < tokens; token++) {
      const source = sources[token];
      const row = unitOf[source] * units;
      serial++;
      for (let k = 0; k < topk; k++, o++) {
        if (slots[o] < 0) continue;
        const gpu = gpuOf[slots[o]];
        const unit = unitOf[gpu];
        if (gpu === source) own++;
        selections[row + unit] += weight;
        if (visited[unit] === serial) continue;
        visited[unit] = serial;
        pairs[row + unit] += weight;
      }
    }
    this.#serial = serial;
    this.#counts.ownGpu += own * weight;
  }

  /** What came since the last call. */
  take(): ExchangeCounts {
    const counts = this.#counts;
    this.#counts = noCounts(this.#units.units);
    return counts;
  }
}

function noCounts(units: number): ExchangeCounts {
  return {
    selections: new Float64Array(units * units),
    tokens: new Float64Array(units * units),
    ownGpu: 0,
  };
}
