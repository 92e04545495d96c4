import { expect, test } from "vitest";
import type { EngineServer } from "../../src/serving/engine.ts";
import { ProbeLoop } from "../../src/serving/health/probe-loop.ts";
import { Rng } from "../../src/lib/rng.ts";
import { patiently } from "../patiently.ts";
import { HEALTH } from "../watched-pool.ts";

test("servers of which enough is known are asked in their turn, and not waited for", async () => {
  const asked: string[] = [];
  const server = (name: string, answer: Promise<void>): EngineServer => {
    const ask = async <T>(what: T): Promise<T> => {
      asked.push(name);
      await answer;
      return what;
    };
    return {
      name,
      shards: [{ id: `p/${name}`, pool: "p", rank: 0 }],
      health: () => ask({ ready: true, lack: null }),
      loads: () => ask([]),
      models: () => ask([]),
    };
  };
  const never = new Promise<void>(() => {});
  const servers = [server("stays", never), server("new", Promise.resolve())];
  const probe = { ...HEALTH.probe, intervalMs: 20 };
  const loop = new ProbeLoop(servers, probe, { news: () => {} }, { now: () => 0 }, new Rng(1));
  await loop.start(new Set(["p/stays"]));
  expect(asked).toEqual(["new", "new", "new"]);
  await expect.poll(() => asked.filter((name) => name === "stays").length, patiently).toBe(3);
  await loop.stop();
});
