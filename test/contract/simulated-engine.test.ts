import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SimulatedPoolParts } from "../../src/engines/simulated/simulated-pool.ts";
import { type Engine, EngineUnreachable } from "../../src/serving/engine.ts";
import { type ShardReport, shardReports } from "../../src/serving/health/shard-reports.ts";
import { header, respond, sent } from "../engine-response.ts";
import { patiently } from "../patiently.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { chat, firstSnapshot, post, servingPool, waitingPool } from "../small-simulated-pool.ts";
import { engineContract } from "./engine-contract.ts";

const { signal } = new AbortController();

/** Takes 10 ms for a token: a long request does not end by itself while a test watches it. */
const SLOW_MODEL = { ...SMALL_MODEL, hidden: 7168, moeIntermediate: 20_000, denseIntermediate: 1_000_000 };

const opened: SimulatedPoolParts[] = [];
afterEach(() => Promise.all(opened.splice(0).map(({ engine }) => engine.close())));

/** Closed after the test. */
function opening(parts: SimulatedPoolParts): SimulatedPoolParts {
  opened.push(parts);
  return parts;
}

/** `[ranks]`: each is a server of its own. */
async function reportsOf({ servers }: Engine): Promise<readonly ShardReport[]> {
  return (await Promise.all(servers.map((server) => shardReports(server, signal)))).flat();
}

async function inFlight({ plane }: SimulatedPoolParts): Promise<number> {
  await plane.observe();
  return plane.latest?.inFlight ?? Number.NaN;
}

describe("simulated", () => {
  engineContract(async () => {
    const parts = servingPool(SLOW_MODEL);
    return {
      engine: parts.engine,
      model: "small",
      busy: async () => (await inFlight(parts)) > 0,
      close: () => parts.engine.close(),
    };
  });

  test("every rank is a shard", () => {
    const { engine } = opening(waitingPool());
    expect(engine.shards.map(({ id }) => id)).toEqual(["sim/0", "sim/1", "sim/2", "sim/3"]);
  });

  test("a request waits for the first snapshot", async () => {
    const { engine, plane } = opening(waitingPool());
    const { sink } = sent(engine, engine.shards[0], chat({ max_tokens: 3 }));
    expect(await reportsOf(engine)).toEqual(
      engine.shards.map(() => ({ ready: false, load: null, lack: "the simulated pool has no snapshot yet" })),
    );
    expect(sink.received).toEqual([]);
    plane.commit(firstSnapshot);
    await sink.over;
    expect(sink.headersHeard?.status).toBe(200);
  });

  test.each([true, false])(
    "a request given up before the first snapshot is never begun (stream: %s)",
    async (stream) => {
      const parts = opening(waitingPool());
      const { engine, plane } = parts;
      const { sink, exchange } = sent(engine, engine.shards[0], chat({ stream, max_tokens: 4000 }));
      exchange.cancel();
      plane.commit(firstSnapshot);
      await respond(engine, engine.shards[0], chat({ max_tokens: 1 }));
      expect(await inFlight(parts)).toBe(0);
      expect(sink.received).toEqual([]);
    },
  );

  test("requests given up while their last token is made leave the pool running", async () => {
    const { engine } = opening(servingPool(SLOW_MODEL));
    for (let i = 0; i < 5; i++) {
      const { sink, exchange } = sent(engine, engine.shards[0], chat({ stream: true, max_tokens: 2 }));
      await expect.poll(() => sink.received, { ...patiently, interval: 1 }).toContain("data");
      exchange.cancel();
    }
    const { status } = await respond(engine, engine.shards[0], chat({ max_tokens: 1 }));
    expect(status).toBe(200);
  });

  test("reports what each rank carries", async () => {
    const { engine } = opening(servingPool(SLOW_MODEL));
    const { exchange } = sent(engine, engine.shards[2], chat({ max_tokens: 4000 }));
    await expect
      .poll(async () => (await reportsOf(engine)).map(({ load }) => load?.running), patiently)
      .toEqual([0, 0, 1, 0]);
    const [idle, , busy] = (await reportsOf(engine)).map(({ load }) => load);
    expect(idle).toMatchObject({ waiting: 0, kvUse: 0 });
    expect(busy?.kvUse).toBeGreaterThan(0);
    expect(busy?.kvUse).toBeLessThan(1);
    expect(busy?.kvCapacityTokens).toBeGreaterThan(4005);
    exchange.cancel();
  });

  test("closing fails running streams and whole answers as begun", async () => {
    const { engine } = opening(servingPool());
    const stream = sent(engine, engine.shards[0], chat({ stream: true, max_tokens: 4000 })).sink;
    const whole = sent(engine, engine.shards[0], chat({ max_tokens: 4000 })).sink;
    await expect.poll(() => stream.received, patiently).toContain("data");
    await engine.close();
    await Promise.all([stream.over, whole.over]);
    expect(stream.fault).toMatchObject({
      message: "the simulated pool failed (the simulated pool has stopped).",
      mayHaveBegun: true,
    });
    expect(whole.fault).toMatchObject({ name: "EngineUnreachable", mayHaveBegun: true });
    expect(whole.received).toEqual(["fail"]);
  });

  test("a closed pool can no longer be asked anything", async () => {
    const { engine, plane } = opening(servingPool());
    await engine.models();
    await engine.close();
    await expect(engine.models()).rejects.toThrow(EngineUnreachable);
    await expect(reportsOf(engine)).rejects.toThrow(EngineUnreachable);
    await expect(respond(engine, engine.shards[0], chat({}))).rejects.toMatchObject({
      name: "EngineUnreachable",
      mayHaveBegun: false,
    });
    await expect(plane.observe()).rejects.toThrow("the simulated pool has stopped");
  });
});

describe("a simulated engine's answers", () => {
  let shared: SimulatedPoolParts;
  beforeAll(() => {
    shared = servingPool();
  });
  afterAll(() => shared.engine.close());

  test("counts the words of a chat and the tokens it made", async () => {
    const { engine } = shared;
    const content = [{ type: "text", text: " one\ntwo " }, { type: "image_url" }];
    const request = chat({
      messages: [{ role: "system", content: "a b" }, { content }],
      max_completion_tokens: 7,
    });
    const { text } = await respond(engine, engine.shards[1], request);
    expect(JSON.parse(text)).toMatchObject({
      created: 1_700_000_000,
      choices: [{ finish_reason: "length" }],
      usage: { prompt_tokens: 4, completion_tokens: 7, total_tokens: 11 },
    });
  });

  test.each([
    ["text", "one two three", 3],
    ["token ids", [5, 6, 7, 8], 4],
    ["a list with one text", ["one two"], 2],
  ])("completes a prompt of %s", async (_, prompt, promptTokens) => {
    const { engine } = shared;
    const request = post("/v1/completions", { model: "small", prompt, max_tokens: 2 });
    const { text } = await respond(engine, engine.shards[0], request);
    expect(JSON.parse(text)).toMatchObject({
      object: "text_completion",
      usage: { prompt_tokens: promptTokens, completion_tokens: 2 },
    });
  });

  test("stops by itself where the client sets no limit", async () => {
    const { engine } = shared;
    const { text } = await respond(engine, engine.shards[0], chat({}));
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ finish_reason: "stop" }],
      usage: { completion_tokens: 256 },
    });
  });

  test("ends a stream with the usage, where that was asked for", async () => {
    const { engine } = shared;
    const request = chat({ stream: true, stream_options: { include_usage: true }, max_tokens: 2 });
    const { text } = await respond(engine, engine.shards[0], request);
    const frames = text.trim().split("\n\n");
    expect(frames).toHaveLength(5);
    expect(JSON.parse(frames[2].slice("data: ".length))).toMatchObject({
      choices: [{ finish_reason: "length" }],
    });
    expect(JSON.parse(frames[3].slice("data: ".length))).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
    });
    expect(frames[4]).toBe("data: [DONE]");
  });

  test.each([
    ["a body that is not JSON", post("/v1/chat/completions", "{"), 400, null],
    ["a body that is no object", post("/v1/chat/completions", [1]), 400, null],
    ["no model", post("/v1/chat/completions", { messages: [] }), 400, "model"],
    ["no messages", post("/v1/chat/completions", { model: "small" }), 400, "messages"],
    ["no prompt", post("/v1/completions", { model: "small" }), 400, "prompt"],
    ["two choices", chat({ n: 2 }), 400, "n"],
    ["no tokens", chat({ max_tokens: 0 }), 400, "max_tokens"],
    ["half a token", chat({ max_completion_tokens: 0.5 }), 400, "max_tokens"],
    ["more than the cache holds", chat({ max_tokens: 1e12 }), 400, "messages"],
    ["an unknown model", chat({ model: "large" }), 404, "model"],
    ["an unknown route", post("/v1/embeddings", {}), 404, null],
  ])("refuses %s", async (_, request, status, param) => {
    const { engine } = shared;
    const response = await respond(engine, engine.shards[0], request);
    expect(response.status).toBe(status);
    expect(header(response, "content-type")).toBe("application/json");
    expect(JSON.parse(response.text)).toEqual({
      error: {
        message: expect.stringMatching(/\w.*\.$/) as string,
        type: status === 404 ? "NotFoundError" : "BadRequestError",
        param,
        code: status,
      },
    });
    expect(await inFlight(shared)).toBe(0);
  });
});
