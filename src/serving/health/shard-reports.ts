import type { EngineServer, ShardLoad } from "../engine.ts";

/** The state of one shard, as its server reports it. */
export interface ShardReport {
  readonly ready: boolean;
  readonly load: ShardLoad | null;
  /** One clause for a person when `ready` is false or `load` is null; else null. */
  readonly lack: string | null;
}

/**
 * Asks a server once for its health and its loads.
 * @returns the reports of its shards, in their order; rejects with EngineUnreachable when there is no answer about its
 * health
 */
export async function shardReports(
  server: EngineServer,
  signal: AbortSignal,
): Promise<readonly ShardReport[]> {
  const [health, asked] = await Promise.all([
    server.health(signal),
    server.loads(signal).catch((error: Error) => error),
  ]);
  return server.shards.map((_, i) => {
    if (!health.ready) return { ready: false, load: null, lack: health.lack };
    if (asked instanceof Error) return { ready: true, load: null, lack: asked.message };
    const { serves, load, lack } = asked[i];
    return { ready: serves, load, lack };
  });
}
