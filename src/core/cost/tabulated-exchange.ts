import type { MoeModel } from "../../model/moe-model.ts";
import { lowLatencyExchangeBytes, normalExchangeBytes } from "./exchange-bytes.ts";
import { type ExchangeLoad, type ExchangeTable, tabulated } from "./exchange-table.ts";
import { LOW_LATENCY_BYTES, LOW_LATENCY_TOPK } from "./hardware.ts";

/** Bytes of a token in tables of the normal kernels: hidden 7168 in FP8 with its scales, and in BF16. */
const NORMAL_BYTES = { dispatch: 7392, combine: 14_336 };

/** A model's exchanges by measured ones: the busiest rank's traffic is that of so many tokens of the tables' model. */
export class TabulatedExchange {
  readonly #table: ExchangeTable;
  readonly #ranks: number;
  /** Ranks, and nodes, other than its own that a token of the tables reaches; 0 within one node. */
  readonly #hops: number;
  readonly #nodeHops: number;
  readonly #message: ExchangeLoad;
  readonly #token: ExchangeLoad;

  private constructor(model: MoeModel, ranks: number, nodes: number, table: ExchangeTable) {
    this.#table = table;
    this.#ranks = ranks;
    this.#hops = expectedHops(ranks);
    this.#nodeHops = expectedHops(nodes);
    this.#message = parts(lowLatencyExchangeBytes(model, 1), LOW_LATENCY_BYTES);
    this.#token = parts(normalExchangeBytes(model, 1), NORMAL_BYTES);
  }

  /** @param table null where nothing was measured. @returns null too where fewer ranks are meant than any table has */
  static of(
    model: MoeModel,
    ranks: number,
    nodes: number,
    table: ExchangeTable | null,
  ): TabulatedExchange | null {
    if (table === null || ranks < table.lowLatency.ranks[0]) return null;
    return new TabulatedExchange(model, ranks, nodes, table);
  }

  /** The low-latency kernels. @param selections of the busiest rank */
  small(selections: number): ExchangeLoad {
    const tokens = selections / LOW_LATENCY_TOPK;
    return tabulated(this.#table.lowLatency, this.#ranks, times(this.#message, tokens));
  }

  /** The normal kernels. @param received, @param between of the busiest rank: tokens from other ranks, and between nodes */
  normal(received: number, between: number): ExchangeLoad {
    const tokens = Math.max(received / this.#hops, this.#nodeHops === 0 ? 0 : between / this.#nodeHops);
    return tabulated(this.#table.normal, this.#ranks, times(this.#token, tokens));
  }
}

/** Ranks, or nodes, other than its own that a token of eight experts reaches among so many, on average. */
function expectedHops(places: number): number {
  return (places - 1) * (1 - (1 - 1 / places) ** LOW_LATENCY_TOPK);
}

function parts(bytes: ExchangeLoad, of: ExchangeLoad): ExchangeLoad {
  return { dispatch: bytes.dispatch / of.dispatch, combine: bytes.combine / of.combine };
}

function times({ dispatch, combine }: ExchangeLoad, tokens: number): ExchangeLoad {
  return { dispatch: dispatch * tokens, combine: combine * tokens };
}
