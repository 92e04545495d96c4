import type { RankState } from "../../model/pool-window.ts";
import {
  type EngineServer,
  EngineUnreachable,
  type LoadReport,
  type ModelCard,
  type ServerHealth,
  type Shard,
} from "../../serving/engine.ts";
import { RankStopped } from "./rank-stopped.ts";

const NO_SNAPSHOT = "the simulated pool has no snapshot yet";

/** What a simulated pool answers about all of its ranks. Rejects with EngineUnreachable when the pool is gone. */
export interface PoolAnswers {
  /** Whether it takes no connections. */
  refuses(rank: number): boolean;
  models(): Promise<readonly ModelCard[]>;
  /** Null while it has no snapshot. */
  rankStates(): Promise<readonly RankState[] | null>;
}

/** One rank of a simulated pool, which is a server of its own, and dies alone. */
export class SimulatedServer implements EngineServer {
  readonly name: string;
  readonly shards: readonly [Shard];
  readonly #pool: PoolAnswers;

  constructor(shard: Shard, pool: PoolAnswers) {
    this.name = shard.id;
    this.shards = [shard];
    this.#pool = pool;
  }

  async health(): Promise<ServerHealth> {
    const ready = (await this.#state()) !== null;
    return { ready, lack: ready ? null : NO_SNAPSHOT };
  }

  async loads(): Promise<readonly LoadReport[]> {
    const state = await this.#state();
    if (state === null) return [{ serves: true, load: null, lack: NO_SNAPSHOT }];
    const { running, waiting, kvTokens, kvCapacityTokens } = state;
    const load = { running, waiting, kvUse: kvTokens / kvCapacityTokens, kvCapacityTokens };
    return [{ serves: true, load, lack: null }];
  }

  async models(): Promise<readonly ModelCard[]> {
    this.#checkThere();
    return await this.#pool.models();
  }

  async #state(): Promise<RankState | null> {
    this.#checkThere();
    const states = await this.#pool.rankStates();
    this.#checkThere();
    return states === null ? null : states[this.shards[0].rank];
  }

  #checkThere(): void {
    const [{ rank }] = this.shards;
    if (this.#pool.refuses(rank))
      throw new EngineUnreachable(this.name, "takes no connections", {
        nobodyThere: true,
        cause: new RankStopped(rank),
      });
  }
}
