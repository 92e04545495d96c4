import { expect, test } from "vitest";
import { type Engine, EngineUnreachable } from "../../src/serving/engine.ts";
import { type ShardReport, shardReports } from "../../src/serving/health/shard-reports.ts";
import { respond } from "../engine-response.ts";
import type { FakeServer } from "../../harness/fakes/start-openai-server.ts";

/** Adapters of engines that report their load, over a fake with two ranks. */
export interface ServerUnderTest {
  /** Opens an engine on the fake. @param offset the number of the first rank */
  open(url: string, dataParallelSize: number, offset?: number): Engine;
  readonly fake: () => FakeServer;
  /** The header that names a rank; null where none does. */
  readonly rankHeader: string | null;
  /** The capacity of one rank's cache in tokens, as recorded. */
  readonly kvCapacityTokens: number;
}

const signal = new AbortController().signal;

const idle = { running: 0, waiting: 0, kvUse: 0 };
const asAlways = { health: 200, status: {}, ranks: [idle, idle], turned: [] };

const chat = {
  method: "POST",
  path: "/v1/chat/completions",
  headers: ["X-Data-Parallel-Rank", "9"],
  body: Buffer.from('{"model":"small","messages":[{"role":"user","content":"Hello"}]}'),
} as const;

/** What the servers of every engine that reports its load must answer. */
export function serverContract({ open, fake, rankHeader, kvCapacityTokens }: ServerUnderTest): void {
  const probed = async (ranks: number): Promise<readonly ShardReport[]> => {
    const engine = open(fake().url, ranks);
    try {
      return await shardReports(engine.servers[0], signal);
    } finally {
      await engine.close();
      await fake().set(asAlways);
    }
  };

  test("reports the load of a whole server", async () => {
    const busy = { running: 3, waiting: 1, kvUse: 0.25 };
    await fake().set({
      ranks: rankHeader === null ? [busy] : [busy, { running: 5, waiting: 0, kvUse: 0.75 }],
    });
    const [report] = await probed(1);
    const load =
      rankHeader === null
        ? { ...busy, kvCapacityTokens }
        : { running: 8, waiting: 1, kvUse: 0.5, kvCapacityTokens: 2 * kvCapacityTokens };
    expect(report).toEqual({ ready: true, load, lack: null });
  });

  test("is not ready while /health says so", async () => {
    await fake().set({ health: 503 });
    expect(await probed(1)).toEqual([{ ready: false, load: null, lack: "GET /health answered 503" }]);
  });

  test("is ready, without a load, while its load report hangs or its models cannot be listed", async () => {
    const hanging = ["/metrics", "/prometheus/metrics", "/v1/loads", "/get_load"];
    await fake().set({
      status: { ...Object.fromEntries(hanging.map((path) => [path, 0])), "/v1/models": 500 },
    });
    const engine = open(fake().url, 1);
    const [server] = engine.servers;
    expect(await server.health(signal)).toEqual({ ready: true, lack: null });
    await expect(server.loads(AbortSignal.timeout(100))).rejects.toThrow(EngineUnreachable);
    await expect(server.models(signal)).rejects.toThrow(EngineUnreachable);
    await engine.close();
    await fake().set(asAlways);
  });

  test("counts what comes of good answers, and nothing of failed ones", async () => {
    const engine = open(fake().url, 1);
    const [server] = engine.servers;
    await fake().set({ status: { "/v1/chat/completions": 500 } });
    await respond(engine, engine.shards[0], chat);
    await server.health(signal);
    expect(server.received).toBe(0);
    await fake().set(asAlways);
    await respond(engine, engine.shards[0], chat);
    expect(server.received).toBeGreaterThan(0);
    await engine.close();
  });

  test("a use that is no part of one is left out", async () => {
    await fake().set({ ranks: [{ ...idle, kvUse: 17 }, idle].slice(0, rankHeader === null ? 1 : 2) });
    const [report] = await probed(rankHeader === null ? 1 : 2);
    expect(report.load).toMatchObject({ running: 0, kvUse: null });
  });

  test("a dead server cannot be asked", async () => {
    const engine = open("http://127.0.0.1:1", 1);
    await expect(shardReports(engine.servers[0], signal)).rejects.toThrow(EngineUnreachable);
    await expect(engine.servers[0].models(signal)).rejects.toThrow(EngineUnreachable);
    await engine.close();
  });

  if (rankHeader === null) return;

  test("reports the load of each rank", async () => {
    const ranks = [
      { running: 3, waiting: 1, kvUse: 0.25 },
      { running: 5, waiting: 0, kvUse: 0.75 },
    ];
    await fake().set({ ranks });
    const reports = await probed(2);
    expect(reports).toEqual(
      ranks.map((load) => ({ ready: true, load: { ...load, kvCapacityTokens }, lack: null })),
    );
  });

  test("names the rank of each request, in place of what the client named", async () => {
    const engine = open(fake().url, 2);
    expect(engine.shards.map(({ id }) => id)).toEqual([`chat/${fake().url}@0`, `chat/${fake().url}@1`]);
    for (const shard of engine.shards) {
      await respond(engine, shard, chat);
      expect((await fake().seen()).at(-1)?.headers[rankHeader]).toBe(`${shard.rank}`);
    }
    await engine.close();
  });

  test("leaves the rank to the client where ranks are not distinguished", async () => {
    const engine = open(fake().url, 1);
    await respond(engine, engine.shards[0], chat);
    expect((await fake().seen()).at(-1)?.headers[rankHeader]).toBe("9");
    await engine.close();
  });
}
