import { describe, expect, test } from "vitest";
import { type ListingServer, startListingServer } from "../../harness/fakes/listing-server.ts";
import { type RunningGateway, running, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

const base = { id: "base", object: "model", root: "/m", parent: null };
const lora = { id: "lora", object: "model", root: "/lora", parent: "base" };

const SELDOM = "health: { probe: { intervalMs: 60000 } }\n";

function pool(name: string, kind: string, server: ListingServer, models = "base", more = ""): string {
  return `{ name: ${name}, kind: ${kind}, models: [${models}], urls: [${server.url}]${more} }`;
}

interface Answered {
  readonly status: number;
  readonly pool: string | undefined;
  readonly error:
    | { readonly code: string; readonly param: string | null; readonly message: string }
    | undefined;
}

async function chat(
  { url }: RunningGateway,
  body: object,
  headers: Record<string, string> = {},
  path = "/v1/chat/completions",
): Promise<Answered> {
  const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body), headers });
  const { error } = (await response.json()) as Pick<Answered, "error">;
  const [name] = response.headers.get("x-plimsoll-shard")?.split("/") ?? [];
  return { status: response.status, pool: name, error };
}

async function listed({ url }: RunningGateway): Promise<string[]> {
  const response = await fetch(`${url}/v1/models`);
  return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
}

async function metric({ url }: RunningGateway, name: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(name) && !line.endsWith(" 0"));
}

const bodies = (server: ListingServer) =>
  server.bodies.map((body) => JSON.parse(body) as Record<string, unknown>);

describe("a model of several pools", () => {
  test("is listed once, gets requests in all of them, and falls over from one whose server is gone", async () => {
    await using first = await startListingServer(base);
    const second = await startListingServer(base);
    await running(SELDOM, [pool("a", "vllm", first), pool("b", "openai", second)], async (gateway) => {
      expect(await listed(gateway)).toEqual(["base"]);
      const pools = new Set<string | undefined>();
      for (let i = 0; i < 40; i++) pools.add((await chat(gateway, { model: "base" })).pool);
      expect(pools).toEqual(new Set(["a", "b"]));
      await second[Symbol.asyncDispose]();
      for (let i = 0; i < 20; i++)
        expect(await chat(gateway, { model: "base" })).toMatchObject({ status: 200, pool: "a" });
    });
  });

  test("by weight and header, with the name that engines know there; adapters go where they are loaded", async () => {
    await using main = await startListingServer(base);
    await using canary = await startListingServer({ ...base, id: "org/base-next" }, lora);
    const models =
      "models: { base: { pools: [{ pool: main, weight: 9 }, { pool: canary, model: org/base-next, weight: 1, header: { x-canary: 'yes' } }] } }\n";
    const pools = [pool("main", "vllm", main), pool("canary", "vllm", canary, "org/base-next")];
    await running(SELDOM + models, pools, async (gateway) => {
      for (let i = 0; i < 20; i++) expect((await chat(gateway, { model: "base" })).status).toBe(200);
      expect([main.bodies.length, canary.bodies.length]).toEqual([18, 2]);
      expect(await chat(gateway, { model: "base" }, { "x-canary": "yes" })).toMatchObject({ pool: "canary" });
      expect(bodies(canary).map(({ model }) => model)).toEqual([
        "org/base-next",
        "org/base-next",
        "org/base-next",
      ]);
      const choices = await metric(gateway, "plimsoll_pool_choices_total");
      expect(choices.map((line) => line.replace(/^\w+/, "")).sort()).toEqual([
        '{pool="canary",model="base",why="header"} 1',
        '{pool="canary",model="base",why="weight"} 2',
        '{pool="main",model="base",why="weight"} 18',
      ]);
    });
    await using without = await startListingServer(base);
    await using holder = await startListingServer(base, lora);
    await running(SELDOM, [pool("a", "vllm", without), pool("b", "vllm", holder)], async (gateway) => {
      for (let i = 0; i < 10; i++)
        expect(await chat(gateway, { model: "lora" })).toMatchObject({ pool: "b" });
      expect(await listed(gateway)).toEqual(["base", "lora"]);
    });
  });

  test("is fallen back on by its name, as soon as none of its own pools can serve", async () => {
    await using big = await startListingServer(base);
    await using small = await startListingServer({ ...base, id: "small" });
    const models = "models: { base: { fallback: [small] } }\n";
    const pools = [pool("big", "vllm", big, "base"), pool("spare", "vllm", small, "small")];
    await running(
      `health: { probe: { intervalMs: 50, timeoutMs: 5000 } }\n${models}`,
      pools,
      async (gateway) => {
        expect(await chat(gateway, { model: "base" })).toMatchObject({ status: 200, pool: "big" });
        big.health = 503;
        await expect
          .poll(() => chat(gateway, { model: "base" }), patiently)
          .toMatchObject({ status: 200, pool: "spare" });
        expect(bodies(small)[0]).toMatchObject({ model: "small" });
      },
    );
  });
});

test("an adapter is asked for as each engine of its pools writes it, by whichever way the client does", async () => {
  await using vllm = await startListingServer(base, lora);
  await using sglang = await startListingServer(base, lora);
  const weights = "models: { base: { pools: [{ pool: v, weight: 1 }, { pool: s, weight: 1 }] } }\n";
  await running(SELDOM + weights, [pool("v", "vllm", vllm), pool("s", "sglang", sglang)], async (gateway) => {
    for (const model of ["lora", "lora", "base:lora", "base:lora"])
      expect(await chat(gateway, { model })).toMatchObject({ status: 200 });
    expect(bodies(vllm).map(({ model }) => model)).toEqual(["lora", "lora"]);
    expect(bodies(sglang).map(({ model }) => model)).toEqual(["base:lora", "base:lora"]);
    expect(gateway.notices.filter((line) => line.includes("lora"))).toEqual([]);
  });
});

test("copies go to the shadow pool, and are compared", async () => {
  await using server = await startListingServer(base);
  await using next = await startListingServer({ ...base, id: "next" });
  const models = "models: { base: { shadow: { pool: next, model: next, part: 0.5 } } }\n";
  const pools = [pool("chat", "vllm", server), pool("next", "vllm", next, "next")];
  await running(SELDOM + models, pools, async (gateway) => {
    for (let i = 0; i < 10; i++)
      expect(await chat(gateway, { model: "base" })).toMatchObject({ pool: "chat" });
    await expect
      .poll(() => metric(gateway, "plimsoll_shadow_pairs_total"), patiently)
      .toEqual(['plimsoll_shadow_pairs_total{pool="next",model="base",verdict="both_ok"} 5']);
    expect(bodies(next).map(({ model }) => model)).toEqual(["next", "next", "next", "next", "next"]);
    expect(await metric(gateway, "plimsoll_shadow_copies_total")).toEqual([
      'plimsoll_shadow_copies_total{pool="next",model="base",outcome="ok"} 5',
    ]);
    expect(await metric(gateway, "plimsoll_requests_total")).toEqual([
      'plimsoll_requests_total{pool="chat",outcome="ok"} 10',
    ]);
    const state = (await (await fetch(`${gateway.url}/admin/state`)).json()) as { models: unknown };
    expect(state.models).toEqual([
      { model: "base", pools: [{ pool: "chat", weight: null }], fallback: [], shadow: "next" },
    ]);
  });
});

describe("names of models", () => {
  test("aliases, the nearest of an unknown one, defaults and limits", async () => {
    await using server = await startListingServer(base, lora);
    const models =
      "models: { base: { aliases: [base-latest], defaults: { temperature: 0.5 }, limits: { maxTokens: 100 } } }\n";
    await running(SELDOM + models, [pool("chat", "vllm", server)], async (gateway) => {
      expect(await listed(gateway)).toEqual(["base", "lora", "base-latest"]);
      expect((await chat(gateway, { model: "base-latest", max_tokens: 9 })).status).toBe(200);
      expect(bodies(server)).toEqual([{ model: "base", max_tokens: 9, temperature: 0.5 }]);
      // A request that names no model is for the only one there is.
      await chat(gateway, {});
      expect(bodies(server)[1]).toEqual({ temperature: 0.5, max_tokens: 100 });
      expect(await chat(gateway, { model: "base", max_tokens: 101 })).toMatchObject({
        status: 400,
        error: { code: "invalid_request", param: "max_tokens" },
      });
      const anthropic = await chat(gateway, { model: "base", max_tokens: 101 }, {}, "/v1/messages");
      expect(anthropic).toMatchObject({ status: 400, error: { param: "max_tokens" } });
      const unknown = await chat(gateway, { model: "bsae-latest" });
      expect(unknown).toMatchObject({ status: 404, error: { code: "model_not_found" } });
      expect(unknown.error?.message).toMatch(/Did you mean `base-latest`\?$/);
      expect((await chat(gateway, { model: "lorra" })).error?.message).toMatch(/Did you mean `lora`\?$/);
      expect((await chat(gateway, { model: "gpt" })).error?.message).toBe("No pool serves the model `gpt`.");
    });
  });

  test("change by a reload, between two requests", async () => {
    await using server = await startListingServer(base);
    const pools = `pools: [${pool("chat", "vllm", server)}]`;
    const gateway = await startGateway(SELDOM + pools);
    try {
      expect((await chat(gateway, { model: "new" })).status).toBe(404);
      await gateway.reload(`${SELDOM}models: { base: { aliases: [new] } }\n${pools}`);
      expect((await chat(gateway, { model: "new" })).status).toBe(200);
      expect(server.asked.filter((path) => path === "/v1/models").length).toBeLessThan(4);
    } finally {
      await gateway.stop();
    }
  });
});
