import type { HeaderList, ResponseSink } from "../engine.ts";
import type { ServingPool } from "../serving-pool.ts";

/** The longest wait for the servers' answers. */
const WITHIN_MS = 1000;
/** Requests that may wait at a time; others use what is known. */
const MOST_SEARCHES = 32;
const GOOD = 200;

/**
 * Finds the server that keeps a response which this process did not see given: another gateway or local worker did, or
 * this one before its last start. Every ready server of the pools is asked for it, once, as a client would.
 */
export class ResponseSearch {
  #searches = 0;

  /**
   * Null when as many search as may; else resolves, within a second, once a server has it or none has. What was
   * found is in `ServingPool.responses`.
   * @param owner whose it is
   * @param headers the client's, for engines that want its key
   */
  find(
    id: string,
    owner: string | null,
    pools: readonly ServingPool[],
    headers: HeaderList,
  ): Promise<void> | null {
    if (this.#searches === MOST_SEARCHES) return null;
    this.#searches++;
    // What goes wrong here only means that it was not found.
    return search(id, owner, pools, headers)
      .catch(() => {})
      .finally(() => {
        this.#searches--;
      });
  }
}

async function search(
  id: string,
  owner: string | null,
  pools: readonly ServingPool[],
  headers: HeaderList,
): Promise<void> {
  const enough = new AbortController();
  const late = setTimeout(() => enough.abort(), WITHIN_MS);
  const asked = pools.flatMap((pool) =>
    pool.engine.servers
      .map(({ shards }) => shards[0])
      .filter(({ rank }) => pool.states.ready[rank] === 1)
      .map(async (shard) => {
        if (!(await has(pool, shard.rank, id, headers, enough.signal))) return;
        pool.responses.set(id, { shard: shard.rank, owner });
        enough.abort();
      }),
  );
  await Promise.all(asked);
  clearTimeout(late);
}

function has(
  { engine }: ServingPool,
  rank: number,
  id: string,
  headers: HeaderList,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const sink: ResponseSink = {
      headers: ({ status }) => {
        resolve(status === GOOD);
        exchange.cancel();
      },
      data: () => true,
      end: () => resolve(false),
      fail: () => resolve(false),
    };
    // Half a character is none, and no server's.
    const path = `/v1/responses/${encodeURIComponent(id.toWellFormed())}`;
    const exchange = engine.send(engine.shards[rank], { method: "GET", path, headers, body: null }, sink);
    signal.addEventListener("abort", () => {
      resolve(false);
      exchange.cancel();
    });
  });
}
