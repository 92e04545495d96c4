import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type RedisServer, startRedis } from "../../harness/fakes/redis-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

interface Service {
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly ports?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

const GATEWAYS = ["gateway-1", "gateway-2"];
const ENGINES = ["engine-1", "engine-2"];

let compose: Compose;
let redis: RedisServer;
const running = new Map<string, RunningGateway>();
beforeAll(async () => {
  const text = await readFile(new URL("../../deploy/compose/cluster.yaml", import.meta.url), "utf8");
  compose = parse(text, { merge: true }) as Compose;
  redis = await startRedis();
  for (const name of [...ENGINES, ...GATEWAYS]) running.set(name, await startGateway(configOf(name)));
});
afterAll(async () => {
  for (const one of [...running.values()].toReversed()) await one.stop();
  await redis?.[Symbol.asyncDispose]();
});

/** What a service is configured by, with the addresses here of those that it names. */
function configOf(name: string): string {
  const [{ source, target }] = compose.services[name].configs ?? [];
  expect(target).toBe("/etc/plimsoll/config.yaml");
  let text = compose.configs[source].content.replace("redis://redis:6379", redis.url);
  for (const [other, { url }] of running) text = text.replace(`http://${other}:8080`, url);
  expect(text).not.toMatch(/:\/\/(?:redis|gateway|engine)/);
  return text;
}

test("its gateways share a Redis, and serve from both simulated engines", async () => {
  const shards = new Set<string | null>();
  for (const name of GATEWAYS) {
    const url = running.get(name)?.url ?? "";
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, patiently).toBe(200);
    for (let i = 0; i < 4; i++) {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: "gpt-oss-20b",
          messages: [{ role: "user", content: `${i}` }],
          max_tokens: 2,
        }),
      });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("choices")]);
      shards.add(response.headers.get("x-plimsoll-shard"));
    }
  }
  expect(shards.size).toBe(ENGINES.length);
  expect(await redis.client.dbsize()).toBeGreaterThan(0);
});

test("its containers have a root that they cannot write, no capabilities, and ports of this machine alone", () => {
  for (const name of [...GATEWAYS, ...ENGINES, "redis"])
    expect([name, compose.services[name]]).toEqual([
      name,
      expect.objectContaining({ read_only: true, cap_drop: ["ALL"] }),
    ]);
  for (const { ports = [] } of Object.values(compose.services))
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  expect(parse(compose.configs["gateways"].content)).toEqual([
    { targets: GATEWAYS.map((name) => `${name}:8080`) },
  ]);
});
