import { expect, test } from "vitest";
import { openAiEngine } from "../../src/engines/openai/openai-engine.ts";
import { vllmEngine } from "../../src/engines/vllm/vllm-engine.ts";
import type { HttpEngineOptions } from "../../src/engines/http/http-engine.ts";
import { instanceOf, serverInstance } from "../../src/serving/engine.ts";

const OPTIONS: HttpEngineOptions = {
  pool: "chat",
  urls: ["http://10.0.0.1:8000"],
  dataParallelSize: 1,
  rankOffsets: [0],
  apiKey: null,
  timeouts: { connectTimeoutMs: 1, firstTokenTimeoutMs: 1, idleTimeoutMs: 1, connections: 0 },
};

const pod = (name: string, uid: string) => ({ names: [{ name, uid }] });

test("shards are called by the name of their server, with its ranks", async () => {
  const engine = vllmEngine({ ...OPTIONS, ...pod("engine-0", "1"), dataParallelSize: 2 });
  expect(engine.shards.map(({ id }) => id)).toEqual(["chat/engine-0@0", "chat/engine-0@1"]);
  expect(engine.servers.map(({ name }) => name)).toEqual(["engine-0"]);
  expect(engine.servedBy?.(engine.shards[1], "/v1/embeddings")).toBe("chat/engine-0");
  await engine.close();
});

test("a server is another where its name, its uid or its address is", async () => {
  const engines = [
    {},
    pod("engine-0", "1"),
    pod("engine-1", "1"),
    pod("engine-0", "2"),
    { ...pod("engine-0", "1"), urls: ["http://10.0.0.2:8000"] },
  ].map((own) => openAiEngine({ ...OPTIONS, ...own }));
  const again = openAiEngine({ ...OPTIONS, ...pod("engine-0", "1") });
  const instances = engines.map(({ shards }) => instanceOf(shards[0]));
  expect(new Set(instances).size).toBe(engines.length);
  expect(serverInstance(again.servers[0])).toBe(instances[1]);
  await Promise.all([...engines, again].map((engine) => engine.close()));
});
