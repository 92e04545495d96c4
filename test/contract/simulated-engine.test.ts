import type { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SimulatedPoolParts } from "../../src/engines/simulated/simulated-pool.ts";
import { EngineUnreachable } from "../../src/serving/engine.ts";
import { SMALL_MODEL } from "../small-model.ts";
import { chat, firstSnapshot, post, servingPool, waitingPool } from "../small-simulated-pool.ts";
import { engineContract } from "./engine-contract.ts";

const never = new AbortController().signal;

/** Takes 10 ms for a token: a long request does not end by itself while a test watches it. */
const SLOW_MODEL = { ...SMALL_MODEL, hidden: 7168, moeIntermediate: 20_000, denseIntermediate: 1_000_000 };

const opened: SimulatedPoolParts[] = [];
afterEach(() => Promise.all(opened.splice(0).map(({ engine }) => engine.close())));

/** Closed after the test. */
function opening(parts: SimulatedPoolParts): SimulatedPoolParts {
  opened.push(parts);
  return parts;
}

async function inFlight({ plane }: SimulatedPoolParts): Promise<number> {
  await plane.observe();
  return plane.latest?.inFlight ?? Number.NaN;
}

async function json(body: Readable): Promise<unknown> {
  return JSON.parse(Buffer.concat(await body.toArray()).toString());
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
    const answer = engine.forward(engine.shards[0], chat({ max_tokens: 3 }), never);
    plane.commit(firstSnapshot);
    expect((await answer).status).toBe(200);
  });

  test.each([true, false])(
    "a request given up before the first snapshot is never begun (stream: %s)",
    async (stream) => {
      const parts = opening(waitingPool());
      const abort = new AbortController();
      const answer = parts.engine.forward(
        parts.engine.shards[0],
        chat({ stream, max_tokens: 4000 }),
        abort.signal,
      );
      abort.abort(new Error("gone"));
      parts.plane.commit(firstSnapshot);
      await expect(answer).rejects.toThrow("gone");
      expect(await inFlight(parts)).toBe(0);
    },
  );

  test("closing ends running streams with an error, and whole answers as begun", async () => {
    const { engine } = opening(servingPool());
    const { body } = await engine.forward(engine.shards[0], chat({ stream: true, max_tokens: 4000 }), never);
    const whole = engine.forward(engine.shards[0], chat({ max_tokens: 4000 }), never);
    const ends = Promise.allSettled([body.toArray(), whole]);
    await engine.close();
    expect(await ends).toMatchObject([
      { status: "rejected", reason: { message: "the simulated pool has stopped" } },
      { status: "rejected", reason: { name: "EngineUnreachable", mayHaveBegun: true } },
    ]);
  });

  test("a closed pool can no longer be asked anything", async () => {
    const { engine, plane } = opening(servingPool());
    await engine.models();
    await engine.close();
    await expect(engine.models()).rejects.toThrow(EngineUnreachable);
    await expect(engine.forward(engine.shards[0], chat({}), never)).rejects.toMatchObject({
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
    const { body } = await engine.forward(engine.shards[1], request, never);
    expect(await json(body)).toMatchObject({
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
    const { body } = await engine.forward(engine.shards[0], request, never);
    expect(await json(body)).toMatchObject({
      object: "text_completion",
      usage: { prompt_tokens: promptTokens, completion_tokens: 2 },
    });
  });

  test("stops by itself where the client sets no limit", async () => {
    const { engine } = shared;
    const { body } = await engine.forward(engine.shards[0], chat({}), never);
    expect(await json(body)).toMatchObject({
      choices: [{ finish_reason: "stop" }],
      usage: { completion_tokens: 256 },
    });
  });

  test("ends a stream with the usage, where that was asked for", async () => {
    const { engine } = shared;
    const request = chat({ stream: true, stream_options: { include_usage: true }, max_tokens: 2 });
    const { body } = await engine.forward(engine.shards[0], request, never);
    const frames = Buffer.concat(await body.toArray())
      .toString()
      .trim()
      .split("\n\n");
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
    const response = await engine.forward(engine.shards[0], request, never);
    expect(response.status).toBe(status);
    expect(response.headers["content-type"]).toBe("application/json");
    expect(await json(response.body)).toEqual({
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
