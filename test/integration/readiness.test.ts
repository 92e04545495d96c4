import { expect, test } from "vitest";
import { type ListingServer, startListingServer } from "../../harness/fakes/listing-server.ts";
import { type RunningGateway, running } from "../../harness/fakes/start-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

const PROBES = "health: { probe: { intervalMs: 50 } }\n";
const STRICT = "health: { probe: { intervalMs: 50, lateMs: 1000, unhealthyAfter: 1 } }\n";
const base = { id: "base" };

function servers(kind: string, urls: readonly string[], model = "base"): string {
  return `{ name: ${kind}, kind: ${kind}, models: [${model}], urls: [${urls.join(", ")}] }`;
}

async function ready(gateway: RunningGateway) {
  const response = await fetch(`${gateway.url}/ready`);
  const { status, pools } = (await response.json()) as { status: string; pools: Record<string, unknown> };
  return { code: response.status, status, pools };
}

async function chat({ url }: RunningGateway, model = "base"): Promise<number> {
  return (await fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify({ model }) })).status;
}

/** So many more probes have come to it. */
async function probedAgain({ asked }: ListingServer, times: number): Promise<void> {
  const probes = () => asked.filter((path) => path === "/health").length;
  const before = probes();
  await expect.poll(probes, patiently).toBeGreaterThanOrEqual(before + times);
}

test.each(["vllm", "sglang", "trtllm", "openai"])(
  "a %s server that lists models and says that it is sick gets no requests",
  async (kind) => {
    await using server = await startListingServer(base);
    server.health = 503;
    await running(PROBES, [servers(kind, [server.url])], async (gateway) => {
      expect(await chat(gateway)).toBe(503);
      const pool = { ready: false, shards: { ready: 0, total: 1 }, reason: "GET /health answered 503" };
      expect(await ready(gateway)).toEqual({ code: 503, status: "not_ready", pools: { [kind]: pool } });
      server.health = 200;
      await expect.poll(async () => (await ready(gateway)).code, patiently).toBe(200);
      expect(await chat(gateway)).toBe(200);
    });
  },
);

test("servers that never report their load, or list their models, continue to serve", async () => {
  const hanging = [
    ["vllm", "/metrics"],
    ["sglang", "/v1/loads?include=core"],
    ["sglang", "/get_load"],
    ["trtllm", "/prometheus/metrics"],
    ["openai", "/v1/models"],
  ];
  await using stack = new AsyncDisposableStack();
  const pools: string[] = [];
  const fakes: ListingServer[] = [];
  for (const [i, [kind, path]] of hanging.entries()) {
    const server = stack.use(await startListingServer({ id: `m${i}` }));
    server.hangs = [path];
    fakes.push(server);
    pools.push(`{ name: p${i}, kind: ${kind}, models: [m${i}], urls: [${server.url}] }`);
  }
  await running(PROBES, pools, async (gateway) => {
    for (const server of fakes) await probedAgain(server, 6);
    for (const i of hanging.keys()) expect(await chat(gateway, `m${i}`)).toBe(200);
    const shards = { ready: 1, total: 1 };
    const well = hanging.map((_, i) => [`p${i}`, { ready: true, shards, reason: null }]);
    expect((await ready(gateway)).pools).toEqual(Object.fromEntries(well));
  });
});

test("a pool whose servers are all slow to answer probes serves on; what is sent goes past a slow one", async () => {
  await using first = await startListingServer(base);
  await using second = await startListingServer(base);
  await running(STRICT, [servers("vllm", [first.url, second.url])], async (gateway) => {
    first.hangs = ["/health"];
    const [{ states }] = gateway.app.gateway().pools;
    await expect.poll(() => [...states.ready], patiently).toEqual([0, 1]);
    for (let i = 0; i < 5; i++) expect(await chat(gateway)).toBe(200);
    expect([first.bodies.length, second.bodies.length]).toEqual([0, 5]);
    second.hangs = ["/health"];
    await expect.poll(() => states.ready[0], patiently).toBe(1);
    for (let i = 0; i < 10; i++) expect(await chat(gateway)).toBe(200);
    expect((await ready(gateway)).code).toBe(200);
  });
});

test("/ready names why each pool cannot serve, and no server", async () => {
  await using server = await startListingServer(base);
  const dead = await deadUrl();
  const pools = [servers("vllm", [dead], "other"), servers("openai", [server.url])];
  await running(PROBES, pools, async (gateway) => {
    const answer = await ready(gateway);
    expect(answer).toMatchObject({
      code: 200,
      status: "ready",
      pools: {
        vllm: { ready: false, reason: "nobody takes connections there: ECONNREFUSED" },
        openai: { ready: true, shards: { ready: 1, total: 1 }, reason: null },
      },
    });
    expect(JSON.stringify(answer)).not.toContain(new URL(dead).port);
    gateway.app.gateway().deck.admission.stop();
    expect(await ready(gateway)).toMatchObject({ code: 503, status: "stopping" });
  });
});

test("a pool whose prefill and decode are apart needs both", async () => {
  await using server = await startListingServer(base);
  const dead = await deadUrl();
  const apart = `{ name: pd, kind: vllm, models: [base], prefill: { urls: [${dead}] }, decode: { urls: [${server.url}] } }`;
  await running(PROBES, [apart], async (gateway) => {
    expect(await ready(gateway)).toEqual({
      code: 503,
      status: "not_ready",
      pools: {
        pd: {
          ready: false,
          shards: { ready: 1, total: 2 },
          reason: "pd.prefill: nobody takes connections there: ECONNREFUSED",
        },
      },
    });
  });
});
