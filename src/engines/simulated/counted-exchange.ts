import type { UndatedExchange } from "../../control/expert-plane.ts";
import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import {
  type ExchangeCounts,
  type ExchangeUnits,
  exchangeUnits,
  withinNodes,
} from "../../model/pool-exchange.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { Topology } from "../../model/topology.ts";

const HOW = "Counted from the modelled dispatch of a sample of tokens and layers, which stands for all.";

/** Windows of a simulated pool, added up to what it exchanges. */
export class CountedExchange {
  readonly #topology: Topology;
  readonly #units: ExchangeUnits;
  #sum: ExchangeCounts | null = null;
  #spanMs = 0;
  #pairs = 0;
  #hops = 0;
  #nodeHops = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
    this.#units = exchangeUnits(topology);
  }

  add({ exchange = null, spanMs, tokens, load, hops, nodeHops }: PoolWindow): void {
    this.#spanMs += spanMs;
    if (exchange === null) return;
    this.#pairs += tokens * load.layers;
    this.#hops += hops;
    this.#nodeHops += nodeHops;
    const sum = this.#sum;
    if (sum === null) {
      this.#sum = exchange;
      return;
    }
    addTo(sum.selections, exchange.selections);
    addTo(sum.tokens, exchange.tokens);
    sum.ownGpu += exchange.ownGpu;
    if (sum.gpus === null || exchange.gpus === null) return;
    addTo(sum.gpus.selections, exchange.gpus.selections);
    addTo(sum.gpus.tokens, exchange.gpus.tokens);
  }

  /** Per second since the last call; null where nothing was forwarded. */
  take(): UndatedExchange | null {
    const sum = this.#sum;
    const spanMs = this.#spanMs;
    const pairs = this.#pairs;
    const [hops, nodeHops] = [this.#hops, this.#nodeHops];
    this.#sum = null;
    this.#spanMs = this.#pairs = this.#hops = this.#nodeHops = 0;
    if (sum === null || spanMs === 0) return null;
    const { by, units } = this.#units;
    const perSecond = (count: number) => (count * 1000) / spanMs;
    return {
      by,
      units,
      spanMs,
      basis: "counted",
      how: HOW,
      selections: Float32Array.from(sum.selections, perSecond),
      tokens: Float32Array.from(sum.tokens, perSecond),
      ownGpu: perSecond(sum.ownGpu),
      ownNode: perSecond(withinNodes(this.#units, this.#topology.gpusPerNode, sum.selections)),
      hopsPerToken: pairs > 0 ? hops / pairs : null,
      nodeHopsPerToken: pairs > 0 ? nodeHops / pairs : null,
      silent: [],
      gpus:
        sum.gpus === null
          ? null
          : {
              selections: sum.gpus.selections.map(perSecond),
              tokens: sum.gpus.tokens.map(perSecond),
            },
    };
  }
}

function addTo(sum: Float64Array | Float32Array, more: ReadonlyNumbers): void {
  for (let i = 0; i < sum.length; i++) sum[i] += more[i];
}
