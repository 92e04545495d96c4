import { type ExchangeCounts, exchangeUnits, isPairedByGpu } from "../../model/pool-exchange.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";
import type { TokenBatch } from "./token-batch.ts";

/** Adds up who sends to whom, from the slots chosen, as TallyCounter counts what that does to each GPU. */
export class PairCounter {
  readonly #gpuOf: Int32Array;
  readonly #units: PairSums;
  /** Beside units that are nodes; null where there is nothing else to tell apart. */
  readonly #gpus: PairSums | null;
  #ownGpu = 0;

  constructor(topology: Topology) {
    const { units, unitOf } = exchangeUnits(topology);
    const gpus = gpuCount(topology);
    this.#gpuOf = Int32Array.from({ length: slotCount(topology) }, (_, slot) =>
      Math.floor(slot / topology.slotsPerGpu),
    );
    this.#units = new PairSums(units, unitOf);
    this.#gpus = isPairedByGpu(topology)
      ? new PairSums(
          gpus,
          Int32Array.from({ length: gpus }, (_, gpu) => gpu),
        )
      : null;
  }

  /**
   * @param slots  `[tokens × topk]` as a ReplicaChooser wrote it, for one layer
   * @param weight (token, layer) pairs that each token stands for
   */
  count(batch: TokenBatch, slots: Int32Array, weight: number): void {
    const { tokens, sources, topk } = batch;
    const gpuOf = this.#gpuOf;
    let own = 0;
    for (let token = 0, o = 0; token < tokens; token++)
      for (let k = 0; k < topk; k++, o++) if (slots[o] >= 0 && gpuOf[slots[o]] === sources[token]) own++;
    this.#ownGpu += own * weight;
    this.#units.count(batch, slots, gpuOf, weight);
    this.#gpus?.count(batch, slots, gpuOf, weight);
  }

  /** What came since the last call. */
  take(): ExchangeCounts {
    const ownGpu = this.#ownGpu;
    this.#ownGpu = 0;
    const gpus = this.#gpus?.take() ?? null;
    return {
      ...this.#units.take(),
      ownGpu,
      // They go from thread to thread every second.
      gpus:
        gpus === null
          ? null
          : { selections: Float32Array.from(gpus.selections), tokens: Float32Array.from(gpus.tokens) },
    };
  }
}

/** `[units][units]`, by any units that GPUs lie in. */
class PairSums {
  readonly #units: number;
  /** `[gpus]` */
  readonly #unitOf: Int32Array;
  /** `[units]`: the last token that came there. */
  readonly #visited: Int32Array;
  #serial = 0;
  #selections: Float64Array;
  #tokens: Float64Array;

  constructor(units: number, unitOf: Int32Array) {
    this.#units = units;
    this.#unitOf = unitOf;
    this.#visited = new Int32Array(units);
    this.#selections = new Float64Array(units * units);
    this.#tokens = new Float64Array(units * units);
  }

  count({ tokens, sources, topk }: TokenBatch, slots: Int32Array, gpuOf: Int32Array, weight: number): void {
    const units = this.#units;
    const unitOf = this.#unitOf;
    const selections = this.#selections;
    const pairs = this.#tokens;
    const visited = this.#visited;
    if (this.#serial > 0x7fff_ffff - tokens) {
      visited.fill(0);
      this.#serial = 0;
    }
    let serial = this.#serial;
    for (let token = 0, o = 0; token < tokens; token++) {
      const row = unitOf[sources[token]] * units;
      serial++;
      for (let k = 0; k < topk; k++, o++) {
        if (slots[o] < 0) continue;
        const unit = unitOf[gpuOf[slots[o]]];
        selections[row + unit] += weight;
        if (visited[unit] === serial) continue;
        visited[unit] = serial;
        pairs[row + unit] += weight;
      }
    }
    this.#serial = serial;
  }

  take(): { selections: Float64Array; tokens: Float64Array } {
    const [selections, tokens] = [this.#selections, this.#tokens];
    this.#selections = new Float64Array(selections.length);
    this.#tokens = new Float64Array(tokens.length);
    return { selections, tokens };
  }
}
