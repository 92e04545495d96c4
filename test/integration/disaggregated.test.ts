import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import { type FakeServer, type SeenRequest, startFake } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

const PATH = "/v1/chat/completions";
/** What a client adds to the path changes nothing. */
const CHATS = `${PATH}?api-version=1`;
/** A status of 0: the request is taken and never answered. */
const STUCK = { status: { [PATH]: 0 } };
const SOUND = { status: {} };

/** A gateway in front of two servers that prefill and two that decode. */
interface Deployment {
  readonly prefill: readonly FakeServer[];
  readonly decode: readonly FakeServer[];
  readonly url: string;
  readonly gateway: RunningGateway;
  stop(): Promise<void>;
}

type Kind = "vllm" | "sglang";

async function deploy(kind: Kind, settings = ""): Promise<Deployment> {
  const fakes = await Promise.all(Array.from({ length: 4 }, () => startFake(kind)));
  const prefill = fakes.slice(0, 2);
  const decode = fakes.slice(2);
  const urls = (servers: readonly FakeServer[]) => servers.map(({ url }) => url).join(", ");
  const ports = prefill.map(({ url }) => new URL(url).port).join(", ");
  const bootstrap = kind === "sglang" ? `, bootstrapPorts: [${ports}]` : "";
  const gateway = await startGateway(`
${settings}
pools:
  - name: chat
    kind: ${kind}
    models: [small]
    prefill: { urls: [${urls(prefill)}]${bootstrap} }
    decode: { urls: [${urls(decode)}] }
`);
  const stop = async () => {
    await gateway.stop();
    await Promise.all(fakes.map((fake) => fake.kill()));
  };
  return { prefill, decode, url: gateway.url, gateway, stop };
}

function chat({ url }: Deployment, body: object, signal: AbortSignal | null = null): Promise<Response> {
  return fetch(url + CHATS, { method: "POST", body: JSON.stringify({ model: "small", ...body }), signal });
}

function says(words: number, word = "word"): object {
  return { messages: [{ role: "user", content: `${word} `.repeat(words) }] };
}

async function chatsSeen(servers: readonly FakeServer[]): Promise<SeenRequest[]> {
  const seen = (await Promise.all(servers.map((server) => server.seen()))).flat();
  return seen.filter(({ url }) => url === CHATS);
}

function pools({ gateway }: Deployment): { readonly prefill: ServingPool; readonly decode: ServingPool } {
  const [decode] = gateway.app.gateway().pools;
  if (decode.prefill === null) throw new Error("the pool is disaggregated");
  return { prefill: decode.prefill, decode };
}

/** Requests in flight on each server: prefill, prefill, decode, decode. */
function inFlight(deployment: Deployment): number[] {
  const { prefill, decode } = pools(deployment);
  return [...prefill.states.requests, ...decode.states.requests];
}

async function expectIdle(deployment: Deployment): Promise<void> {
  await expect.poll(() => inFlight(deployment), patiently).toEqual([0, 0, 0, 0]);
  expect(deployment.gateway.app.gateway().deck.admission.inFlight).toBe(0);
  const { prefill, decode } = pools(deployment);
  for (const { tokens, prefillTokens } of [prefill.states, decode.states])
    expect([...tokens, ...prefillTokens]).toEqual([0, 0, 0, 0]);
}

describe.each<Kind>(["vllm", "sglang"])("%s", (kind) => {
  let whole: Deployment;
  beforeAll(async () => {
    whole = await deploy(kind);
  });
  afterAll(() => whole.stop());

  test.each([true, false])("each request meets its prefill, streamed: %s", async (stream) => {
    const { prefill, decode } = whole;
    const before = [await chatsSeen(prefill), await chatsSeen(decode)].map(({ length }) => length);
    const responses = await Promise.all(
      Array.from({ length: 8 }, () => chat(whole, { stream, max_tokens: 4, ...says(20) })),
    );
    const texts = await Promise.all(responses.map((response) => response.text()));
    // The fakes refuse a decode that does not find its prefill.
    expect(responses.map(({ status }) => status)).toEqual(Array(8).fill(200));
    for (const text of texts) {
      expect(text.match(/wörd\d/g)).toEqual(["wörd0", "wörd1", "wörd2", "wörd3"]);
      expect(text.includes("data: [DONE]")).toBe(stream);
    }
    const shards = responses.map((response) => response.headers.get("x-plimsoll-shard") ?? "");
    expect(shards.every((shard) => shard.startsWith("chat.decode/"))).toBe(true);
    const after = [await chatsSeen(prefill), await chatsSeen(decode)].map(({ length }) => length);
    expect(after.map((count, i) => count - before[i])).toEqual([8, 8]);
    await expectIdle(whole);
  });

  test("what its model adds is in both requests; the prefill's own fields count there", async () => {
    const models =
      "models: { small: { pools: [{ pool: chat }], aliases: [alias], defaults: { max_tokens: 3, seed: 5 } } }";
    const deployment = await deploy(kind, models);
    const response = await chat(deployment, { model: "alias", ...says(20) });
    expect([response.status, (await response.text()).match(/wörd\d/g)]).toEqual([
      200,
      ["wörd0", "wörd1", "wörd2"],
    ]);
    const bodies = await Promise.all([deployment.prefill, deployment.decode].map(chatsSeen));
    const [prefilled, decoded] = bodies.map(([{ body }]) => JSON.parse(body) as object);
    expect(decoded).toMatchObject({ model: "small", max_tokens: 3, seed: 5 });
    expect(prefilled).toMatchObject({ model: "small", max_tokens: kind === "vllm" ? 1 : 3, stream: false });
    await deployment.stop();
  });

  test("prefills share the tokens, decodes the requests; clients that leave free both", async () => {
    const { prefill, decode } = whole;
    await Promise.all([...prefill, ...decode].map((fake) => fake.set(STUCK)));
    const abort = new AbortController();
    const answers: Promise<Response>[] = [];
    // The first is longer than the others together, however much of it is taken to be computed meanwhile; they share
    // nothing that a server could have cached.
    const prompts = [
      [1600, "some"],
      [100, "more"],
      [100, "less"],
      [99, "last"],
    ] as const;
    for (const [words, word] of prompts) {
      answers.push(chat(whole, says(words, word), abort.signal));
      await expect.poll(() => inFlight(whole).reduce((a, b) => a + b), patiently).toBe(2 * answers.length);
    }
    const counts = inFlight(whole);
    expect(counts.slice(0, 2).toSorted((a, b) => a - b)).toEqual([1, 3]);
    const tokens = pools(whole).prefill.states.prefillTokens;
    expect(tokens[counts.indexOf(1)]).toBeGreaterThan(4 * tokens[counts.indexOf(3)]);
    const waiting = kind === "sglang" ? [...prefill, ...decode] : prefill;
    const open = async () => (await chatsSeen(waiting)).filter(({ fate }) => fate === "open").length;
    await expect.poll(open, patiently).toBe(kind === "sglang" ? 8 : 4);
    abort.abort();
    await Promise.allSettled(answers);
    await expectIdle(whole);
    await expect.poll(open, patiently).toBe(0);
    await Promise.all([...prefill, ...decode].map((fake) => fake.set(SOUND)));
  });

  test("what the engines refuse reaches the client with their words, and in turn no decode", async () => {
    const decodes = (await chatsSeen(whole.decode)).length;
    const { kvUse } = pools(whole).decode.states;
    kvUse.fill(0);
    const response = await chat(whole, { stream: true, safety_identifier: "error" });
    expect([response.status, await response.json()]).toEqual([
      418,
      { error: { message: "as asked", type: "teapot", param: null, code: null } },
    ]);
    await expectIdle(whole);
    expect((await chatsSeen(whole.decode)).length - decodes).toBe(kind === "sglang" ? 1 : 0);
    // What the fake says of its cache with every answer is the prefill's.
    expect([...kvUse]).not.toContain(0.4);
  });

  // In turn, no decode is asked before its prefill is over.
  test.runIf(kind === "sglang")("a decode that refuses frees the prefill that waits for it", async () => {
    const { prefill, decode } = whole;
    await Promise.all(prefill.map((fake) => fake.set(STUCK)));
    await Promise.all(decode.map((fake) => fake.set({ status: { [PATH]: 422 } })));
    expect((await chat(whole, {})).status).toBe(422);
    await expectIdle(whole);
    const open = async () => (await chatsSeen(prefill)).filter(({ fate }) => fate === "open").length;
    await expect.poll(open, patiently).toBe(0);
    await Promise.all([...prefill, ...decode].map((fake) => fake.set(SOUND)));
  });

  test("what generates nothing goes to one decode server, as it is", async () => {
    const body = '{"model":"small","input":"x"}';
    const response = await fetch(`${whole.url}/v1/embeddings`, { method: "POST", body });
    expect([response.status, await response.json()]).toMatchObject([200, { object: "list" }]);
    const seen = async (servers: readonly FakeServer[]) =>
      (await Promise.all(servers.map((server) => server.seen())))
        .flat()
        .filter(({ url }) => url === "/v1/embeddings")
        .map((request) => request.body);
    expect([await seen(whole.prefill), await seen(whole.decode)]).toEqual([[], [body]]);
    await expectIdle(whole);
  });

  test("a prefill server that dies takes no request with it", async () => {
    const deployment = await deploy(kind);
    const { prefill } = deployment;
    await Promise.all(prefill.map((fake) => fake.set(STUCK)));
    const answer = chat(deployment, { max_tokens: 4 });
    await expect.poll(async () => (await chatsSeen(prefill)).length, patiently).toBe(1);
    await Promise.all(prefill.map((fake) => fake.set(SOUND)));
    const [dying] = (await chatsSeen([prefill[0]])).length === 1 ? prefill : prefill.toReversed();
    await dying.kill();
    const response = await answer;
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("wörd3")]);
    // Those that find it dead.
    for (let i = 0; i < 6; i++) expect((await chat(deployment, {})).status).toBe(200);
    await expectIdle(deployment);
    await deployment.stop();
  });

  test("a decode server that dies before the first byte takes no request with it, later it ends the stream", async () => {
    const deployment = await deploy(kind);
    const { prefill, decode } = deployment;
    const stream = await chat(deployment, { stream: true, max_tokens: 100_000 });
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const shard = stream.headers.get("x-plimsoll-shard");
    const [serving, other] = shard?.endsWith(decode[0].url) === true ? decode : decode.toReversed();
    // The other server has fewer requests: the next goes there.
    await other.set(STUCK);
    const answer = chat(deployment, { max_tokens: 4 });
    await expect.poll(async () => (await chatsSeen([other])).length, patiently).toBe(1);
    await other.kill();
    const response = await answer;
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("wörd3")]);
    expect(response.headers.get("x-plimsoll-shard")).toContain(serving.url);

    await serving.kill();
    let text = "";
    for (let read = await reader.read(); !read.done; read = await reader.read())
      text += Buffer.from(read.value).toString();
    const last = text.trimEnd().split("\n\n").at(-1) ?? "";
    expect(JSON.parse(last.slice("data: ".length))).toMatchObject({
      error: { code: "engine_failed", message: "The engine broke off its response." },
    });
    await expectIdle(deployment);
    const fates = async () => (await chatsSeen(prefill)).map(({ fate }) => fate);
    await expect.poll(fates, patiently).not.toContain("open");
    // In turn, the prefill was over long before.
    expect((await fates()).includes("aborted")).toBe(kind === "sglang");
    await deployment.stop();
  });
});
