import { describe, expect, test } from "vitest";
import { type ListingServer, startListingServer } from "../../harness/fakes/listing-server.ts";
import { type RunningGateway, running } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

const base = { id: "base", object: "model", root: "/m", parent: null, max_model_len: 4096 };
const lora = { id: "lora", object: "model", root: "/lora", parent: "base" };

/** Probes are far apart: what the gateway learns later it was asked for. */
const SELDOM = "health: { probe: { intervalMs: 60000 } }\n";
const OFTEN = "health: { probe: { intervalMs: 50, timeoutMs: 5000 } }\n";

function pool(name: string, kind: string, servers: readonly ListingServer[], models = "base"): string {
  return `{ name: ${name}, kind: ${kind}, models: [${models}], urls: [${servers.map(({ url }) => url).join(", ")}] }`;
}

async function listed(gateway: RunningGateway): Promise<string[]> {
  const response = await fetch(`${gateway.url}/v1/models`);
  if (response.status !== 200) return [`${response.status}`];
  return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
}

async function chat(gateway: RunningGateway, model: unknown) {
  const body = JSON.stringify(model === undefined ? {} : { model });
  const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", body });
  const { error } = (await response.json()) as { error?: { code: string; message: string } };
  return { status: response.status, shard: response.headers.get("x-plimsoll-shard"), error };
}

const chats = (servers: readonly ListingServer[]) => servers.map(({ bodies }) => bodies.length);
const askedForModels = ({ asked }: ListingServer) => asked.filter((path) => path === "/v1/models").length;

describe("the list of models", () => {
  test("is merged from the ready servers, of one name the first card, and asks nobody", async () => {
    await using first = await startListingServer(base, { id: "hidden" });
    await using second = await startListingServer({ ...base, max_model_len: 1 }, lora);
    await running(SELDOM, [pool("chat", "vllm", [first, second])], async (gateway) => {
      const before = askedForModels(first) + askedForModels(second);
      const lists = Promise.all(Array.from({ length: 50 }, () => fetch(`${gateway.url}/v1/models`)));
      for (const list of await lists)
        expect(await list.json()).toEqual({ object: "list", data: [base, lora] });
      expect(askedForModels(first) + askedForModels(second)).toBe(before);
    });
  });

  test("does not wait for a server that hangs, and leaves out one that is not ready", async () => {
    await using stuck = await startListingServer(base);
    await using sick = await startListingServer(base, { ...lora, id: "its-own" });
    await using well = await startListingServer(base);
    stuck.hangs = ["/v1/models"];
    await running(OFTEN, [pool("chat", "vllm", [stuck, sick, well])], async (gateway) => {
      expect(await listed(gateway)).toEqual(["base", "its-own"]);
      sick.health = 503;
      await expect.poll(() => listed(gateway), patiently).toEqual(["base"]);
      expect((await chat(gateway, "its-own")).error?.code).toBe("not_ready");
    });
  });

  test("has the configured models that no server lists, since requests for them are served", async () => {
    await using named = await startListingServer({ ...base, id: "org/its-own-name" });
    await using silent = await startListingServer();
    silent.hangs = ["/v1/models"];
    const pools = [pool("named", "vllm", [named], "named"), pool("silent", "vllm", [silent], "silent")];
    await running(SELDOM, pools, async (gateway) => {
      await expect.poll(() => listed(gateway), patiently).toEqual(["named", "silent"]);
      for (const model of ["named", "silent"]) await chat(gateway, model);
      expect(chats([named, silent])).toEqual([1, 1]);
    });
    await running(SELDOM, pools.slice(1), async (gateway) => {
      await expect.poll(() => listed(gateway), patiently).toEqual(["silent"]);
    });
  });

  test("is refused while no server can serve", async () => {
    await using server = await startListingServer(base);
    server.health = 503;
    server.hangs = ["/v1/models"];
    await running(OFTEN, [pool("chat", "vllm", [server])], async (gateway) => {
      await expect.poll(() => listed(gateway), patiently).toEqual(["503"]);
    });
  });
});

describe("adapters", () => {
  test.each(["base", "base, lora"])("of pools with %s are sent where they are listed", async (models) => {
    await using first = await startListingServer(base);
    await using second = await startListingServer(base);
    const servers = [first, second];
    await running(OFTEN, [pool("chat", "vllm", servers, models)], async (gateway) => {
      second.cards.push(lora);
      const holders = () => gateway.app.gateway().pools[0].states.models.map((own) => own?.has("lora"));
      await expect.poll(holders, patiently).toEqual([false, true]);
      expect(await listed(gateway)).toEqual(["base", "lora"]);
      for (let i = 0; i < 10; i++) expect((await chat(gateway, "lora")).status).toBe(200);
      expect(chats(servers)).toEqual([0, 10]);
      second.cards.pop();
      const isConfigured = models !== "base";
      await expect.poll(holders, patiently).toEqual([isConfigured, isConfigured]);
      expect(await listed(gateway)).toEqual(isConfigured ? ["base", "lora"] : ["base"]);
    });
  });

  test("loaded since are found when they are asked for, by all who ask together", async () => {
    await using first = await startListingServer(base);
    await using second = await startListingServer(base);
    await running(SELDOM, [pool("chat", "vllm", [first, second])], async (gateway) => {
      first.cards.push(lora);
      const answers = await Promise.all(Array.from({ length: 20 }, () => chat(gateway, "lora")));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect([askedForModels(first), chats([second])]).toEqual([2, [0]]);
    });
  });

  test("a flood of unknown names asks the engines once a second at most", async () => {
    await using server = await startListingServer(base);
    await running(SELDOM, [pool("chat", "vllm", [server])], async (gateway) => {
      const began = performance.now();
      for (let round = 0; round < 5; round++) {
        const flood = Array.from({ length: 100 }, (_, i) => chat(gateway, `unknown-${round}-${i}`));
        for (const { status, error } of await Promise.all(flood))
          expect([status, error?.code]).toEqual([404, "model_not_found"]);
        expect((await chat(gateway, "base")).status).toBe(200);
      }
      const seconds = (performance.now() - began) / 1000;
      expect(askedForModels(server)).toBeLessThanOrEqual(2 + Math.ceil(seconds));
    });
  });

  test("a client that leaves while its model is looked for takes its request along", async () => {
    await using server = await startListingServer(base);
    await running(SELDOM, [pool("chat", "vllm", [server])], async (gateway) => {
      server.cards.push(lora);
      server.hangs = ["/v1/models"];
      const leaving = new AbortController();
      const body = JSON.stringify({ model: "lora" });
      const gone = fetch(`${gateway.url}/v1/completions`, { method: "POST", body, signal: leaving.signal });
      await expect.poll(() => askedForModels(server), patiently).toBe(2);
      leaving.abort();
      await expect(gone).rejects.toThrow("aborted");
      // It is answered in the same second as those who stayed.
      expect((await chat(gateway, "lora")).status).toBe(404);
      expect([server.bodies, gateway.app.gateway().deck.admission.inFlight]).toEqual([[], 0]);
    });
  });

  test("of SGLang are asked for as it wants them, and its own way of naming them goes where they are", async () => {
    await using first = await startListingServer(base);
    await using second = await startListingServer(base, lora);
    const servers = [first, second];
    await running(SELDOM, [pool("chat", "sglang", servers)], async (gateway) => {
      for (const model of ["lora", "base:lora"]) expect((await chat(gateway, model)).status).toBe(200);
      expect(second.bodies.map((body) => (JSON.parse(body) as { model: string }).model)).toEqual([
        "base:lora",
        "base:lora",
      ]);
      expect(second.bodies[1]).toBe('{"model":"base:lora"}');
      expect((await chat(gateway, "base:unlisted")).status).toBe(200);
      expect((await chat(gateway, "other:lora")).error?.code).toBe("model_not_found");
    });
    second.bodies.length = 0;
    await running(SELDOM, [pool("chat", "sglang", servers, "base, lora")], async (gateway) => {
      await chat(gateway, "lora");
      expect(second.bodies).toEqual(['{"model":"lora","model":"base:lora"}']);
    });
  });

  test("that two pools list go to the first, which is said once", async () => {
    await using first = await startListingServer(base, lora);
    await using second = await startListingServer({ ...base, id: "other" }, { ...lora, parent: "other" });
    const pools = [pool("one", "vllm", [first]), pool("two", "vllm", [second], "other")];
    await running(SELDOM, pools, async (gateway) => {
      for (let i = 0; i < 3; i++) expect((await chat(gateway, "lora")).shard).toBe(`one/${first.url}`);
      expect(await listed(gateway)).toEqual(["base", "lora", "other"]);
      expect(gateway.notices.filter((line) => line.includes("lora"))).toEqual([
        'the adapter "lora" is listed in one and two; requests for it go to one',
      ]);
    });
  });
});

describe("a request that names no model", () => {
  test("means the only one of the configuration, whatever adapters there are", async () => {
    await using server = await startListingServer(base, lora);
    await running(SELDOM, [pool("chat", "openai", [server])], async (gateway) => {
      const answer = await chat(gateway, undefined);
      // The engine's own word on a request without a model.
      expect([answer.status, answer.shard]).toEqual([404, `chat/${server.url}`]);
    });
  });

  test("is refused with the names where there are several", async () => {
    await using server = await startListingServer(base);
    await running(SELDOM, [pool("chat", "openai", [server], "base, other")], async (gateway) => {
      const { status, error } = await chat(gateway, undefined);
      expect([status, error?.message]).toEqual([400, "`model` must be the name of a model: base, other."]);
    });
  });
});
