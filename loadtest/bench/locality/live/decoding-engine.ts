import type { RoutingTrace } from "../../../../src/model/routing-trace.ts";
import type { Engine, EngineRequest, Exchange, ResponseSink, Shard } from "../../../../src/serving/engine.ts";

/** A request that decodes. */
interface Decoding extends Answer {
  readonly sink: ResponseSink;
  /** Tokens generated so far. */
  at: number;
}

/** What one request generates. */
export interface Answer {
  /** By their numbers in the trace. */
  readonly rows: Int32Array;
  /** The experts that it names at its end; null for none. */
  readonly names: RoutingTrace | null;
  readonly ended: () => void;
}

/** One instance that decodes all it has by continuous batching, a token of each in every step, as the caller says. */
export class DecodingEngine implements Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  readonly servers: Engine["servers"];
  readonly #answerTo: (request: EngineRequest) => Answer;
  #active: Decoding[] = [];

  constructor(pool: string, answerTo: (request: EngineRequest) => Answer) {
    const shards = [{ id: `${pool}/0`, pool, rank: 0 }];
    this.pool = pool;
    this.shards = shards;
    this.servers = [
      {
        name: pool,
        shards,
        health: async () => ({ ready: true, lack: null }),
        loads: async () => [],
        models: async () => [],
      },
    ];
    this.#answerTo = answerTo;
  }

  get active(): number {
    return this.#active.length;
  }

  send(_shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange {
    this.#active.push({ ...this.#answerTo(request), sink, at: 0 });
    return { resume: () => {}, cancel: () => {} };
  }

  async close(): Promise<void> {}

  /** The tokens of the next step, by their numbers in the trace. */
  rows(): Int32Array {
    return Int32Array.from(this.#active, ({ rows, at }) => rows[at]);
  }

  /** Does it, and ends what is done. */
  step(): void {
    const before = this.#active;
    for (const one of before) one.at++;
    const done = before.filter(({ rows, at }) => at === rows.length);
    this.#active = before.filter(({ rows, at }) => at < rows.length);
    for (const { sink } of before.filter(({ at }) => at === 1)) {
      sink.headers({ status: 200, headers: ["content-type", "application/json"], kvUse: null });
      sink.data(BYTES);
    }
    for (const { sink, names, ended } of done) {
      if (names !== null) sink.routed?.(names);
      sink.end();
      ended();
    }
  }
}

const BYTES = Buffer.from("{}");
