import { afterAll, beforeAll, expect, test } from "vitest";
import { sent } from "../engine-response.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { ExpertClasses, SignatureSample } from "../../src/replay/classes/expert-classes.ts";
import { chat, servingPool } from "../small-simulated-pool.ts";

const POOL = { name: "sim", kind: "simulated", seed: 1 };

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
  await folder.write("model.yaml", JSON.stringify(SMALL_MODEL));
  await folder.write("topology.yaml", JSON.stringify(SMALL_TOPOLOGY));
});
afterAll(() => folder[Symbol.asyncDispose]());

function gatewayFor(pool: object): Promise<RunningGateway> {
  const tenancy = { header: "x-tenant-id" };
  return startGateway(JSON.stringify({ tenancy, control: { sharesMs: 100 }, pools: [pool] }));
}

function shapes() {
  return { model: folder.path("model.yaml"), topology: folder.path("topology.yaml") };
}

async function ask({ url }: RunningGateway, tenant: string | null, content: string): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(tenant === null ? {} : { "x-tenant-id": tenant }) },
    body: JSON.stringify({ model: "small", max_tokens: 40, messages: [{ role: "user", content }] }),
  });
  await response.text();
  return response.status;
}

async function requestKinds({ url }: RunningGateway): Promise<number | null> {
  const state = (await (await fetch(`${url}/admin/state`)).json()) as {
    pools: { requestKinds: number | null }[];
  };
  return state.pools[0].requestKinds;
}

test("a simulated request reports the experts of some of its tokens once, at its end", async () => {
  const { engine } = servingPool();
  const routed = async (fields: object) => {
    const { sink } = sent(engine, engine.shards[0], chat(fields));
    await sink.over;
    return sink.routings.map(({ tokens, layers, topk, experts }) => [tokens, layers, topk, experts.length]);
  };
  try {
    // Five tokens in; the last one out is not forwarded.
    expect(await routed({ max_tokens: 60 })).toEqual([[32, 6, 4, 32 * 6 * 4]]);
    expect(await routed({ max_tokens: 3, stream: true })).toEqual([[7, 6, 4, 7 * 6 * 4]]);
    expect(await routed({ max_tokens: 3, model: "other" })).toEqual([]);
  } finally {
    await engine.close();
  }
});

test("requests of one tenant and two traffic classes use other experts, which tell the classes apart", async () => {
  const { engine } = servingPool();
  const routed = async (trafficClass: string) => {
    const headers = ["x-tenant-id", "a", "X-Traffic-Class", trafficClass];
    const { sink } = sent(engine, engine.shards[0], { ...chat({ max_tokens: 30 }), headers });
    await sink.over;
    return sink.routings[0];
  };
  try {
    const sample = new SignatureSample();
    const asked = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? "chat" : "code"));
    const routings: RoutingTrace[] = [];
    for (const trafficClass of asked) routings.push(await routed(trafficClass));
    for (const routing of routings) sample.add(routing);
    const classes = new ExpertClasses(sample.signatures, 2, 1);
    const [chats, codes] = ["chat", "code"].map(
      (name) => new Set(routings.filter((_, i) => asked[i] === name).map((routing) => classes.of(routing))),
    );
    expect({ chats: chats.size, codes: codes.size, all: chats.union(codes).size }).toEqual({
      chats: 1,
      codes: 1,
      all: 2,
    });
  } finally {
    await engine.close();
  }
});

test("the gateway learns the experts of tenants, and of applications it meets again, from the pool's answers", async () => {
  const gateway = await gatewayFor({ ...POOL, ...shapes() });
  try {
    const [{ front }] = gateway.app.pools();
    expect(await requestKinds(gateway)).toBe(0);
    expect(front.experts?.of("a", new Uint32Array(0))).toBeNull();
    for (const tenant of ["a", "b", null]) expect(await ask(gateway, tenant, "How deep?")).toBe(200);
    await expect.poll(() => requestKinds(gateway), patiently).toBe(2);
    const outlook = () => front.experts?.of("a", new Uint32Array(0));
    await expect
      .poll(outlook, patiently)
      .toMatchObject({ nodeHops: { length: 4 }, marginalLoad: { length: 4 } });
    const system = "You are the load master of a ship. ".repeat(20);
    for (const question of ["How deep?", "How far?"])
      expect(await ask(gateway, "a", system + question)).toBe(200);
    await expect.poll(() => requestKinds(gateway), patiently).toBe(3);
  } finally {
    await gateway.stop();
  }
});

test("nothing is learned for a policy that does not go by experts", async () => {
  const gateway = await gatewayFor({ ...POOL, ...shapes(), policy: "cache-aware" });
  try {
    expect(await ask(gateway, "a", "How deep?")).toBe(200);
    expect(await requestKinds(gateway)).toBeNull();
  } finally {
    await gateway.stop();
  }
});

test("shards that are no equal parts of the GPUs are routed to without regard to experts, and that is said", async () => {
  const urls = [1, 2, 3].map((port) => `http://127.0.0.1:${port}`);
  const gateway = await gatewayFor({
    name: "chat",
    kind: "openai",
    models: ["small"],
    urls,
    experts: shapes(),
  });
  try {
    expect(gateway.notices).toContain(
      "chat: 4 GPUs cannot be dealt out to 3 shards; requests are routed without regard to experts",
    );
    expect(await requestKinds(gateway)).toBeNull();
  } finally {
    await gateway.stop();
  }
});
