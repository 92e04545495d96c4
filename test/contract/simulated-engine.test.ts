import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SimulatedPoolParts } from "../../src/engines/simulated/simulated-pool.ts";
import type { SimulationChange } from "../../src/model/simulation.ts";
import { type Engine, EngineUnreachable } from "../../src/serving/engine.ts";
import { type ShardReport, shardReports } from "../../src/serving/health/shard-reports.ts";
import { type RecordingSink, header, respond, sent } from "../engine-response.ts";
import { patiently } from "../patiently.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { chat, firstSnapshot, post, servingPool, waitingPool } from "../small-simulated-pool.ts";
import { engineContract } from "./engine-contract.ts";

const { signal } = new AbortController();

/** Takes 10 ms for a token: a long request does not end by itself while a test watches it. */
const SLOW_MODEL = { ...SMALL_MODEL, hidden: 7168, moeIntermediate: 20_000, denseIntermediate: 1_000_000 };

const opened: SimulatedPoolParts[] = [];
afterEach(() => Promise.all(opened.splice(0).map(({ engine }) => engine.close())));

function hasData({ received }: RecordingSink): boolean {
  return received.includes("data");
}

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

  test("a rank that stops fails its requests and its probes, and no other's", async () => {
    const parts = opening(servingPool(SLOW_MODEL));
    const { engine, plane, simulation } = parts;
    const stream = sent(engine, engine.shards[1], chat({ stream: true, max_tokens: 4000 })).sink;
    const other = sent(engine, engine.shards[2], chat({ stream: true, max_tokens: 4000 }));
    await expect.poll(() => [stream, other.sink].every(hasData), patiently).toBe(true);
    simulation.change({ kind: "lose", rank: 1 });
    await stream.over;
    expect(stream.fault).toMatchObject({
      message: "the simulated pool failed (GPU 1 has stopped).",
      mayHaveBegun: true,
    });
    expect(plane.signs().map(({ rank }) => rank)).toEqual([0, 2, 3]);
    const refused = { name: "EngineUnreachable", mayHaveBegun: false, nobodyThere: true };
    await expect(respond(engine, engine.shards[1], chat({ max_tokens: 1 }))).rejects.toMatchObject(refused);
    for (const server of engine.servers) {
      const asked = [server.health(signal), server.loads(signal), server.models(signal)];
      const there = server.shards[0].rank !== 1;
      for (const answer of await Promise.allSettled(asked)) {
        expect(answer.status === "fulfilled").toBe(there);
        if (answer.status === "rejected") expect(answer.reason).toMatchObject(refused);
      }
    }
    const chunks = other.sink.chunks.length;
    await expect.poll(() => other.sink.chunks.length, patiently).toBeGreaterThan(chunks);
    expect(await inFlight(parts)).toBe(1);
    other.exchange.cancel();

    simulation.change({ kind: "restore", rank: 1 });
    expect(plane.signs()).toContainEqual({ rank: 1, incarnation: 1 });
    expect((await respond(engine, engine.shards[1], chat({ max_tokens: 1 }))).status).toBe(200);
    // Of weights it has none, as long as no snapshot has come that did without it.
    await plane.observe();
    await respond(engine, engine.shards[1], chat({ max_tokens: 20 }));
    const { gpuLoad } = await plane.observe();
    const onRank = (rank: number) => gpuLoad.reduce((sum, load, i) => sum + (i % 4 === rank ? load : 0), 0);
    expect(onRank(1)).toBe(0);
    expect(onRank(0)).toBeGreaterThan(0);
  });

  test("a rank that is to stop ends what it has, takes nothing more, and is gone then", async () => {
    const { engine, plane, simulation } = opening(servingPool(SLOW_MODEL));
    const stream = sent(engine, engine.shards[1], chat({ stream: true, max_tokens: 40 })).sink;
    await expect.poll(() => hasData(stream), patiently).toBe(true);
    simulation.change({ kind: "stop", rank: 1 });
    const refused = { name: "EngineUnreachable", mayHaveBegun: false, nobodyThere: true };
    await expect(respond(engine, engine.shards[1], chat({ max_tokens: 1 }))).rejects.toMatchObject(refused);
    // It works on for the others.
    expect(simulation.state.lost).toEqual([]);
    expect(plane.signs().map(({ rank }) => rank)).toEqual([0, 1, 2, 3]);
    await stream.over;
    expect([stream.fault, stream.received.at(-1)]).toEqual([null, "end"]);
    expect(simulation.state.lost).toEqual([1]);
    expect(plane.signs().map(({ rank }) => rank)).toEqual([0, 2, 3]);
    simulation.change({ kind: "restore", rank: 1 });
    expect(plane.signs()).toContainEqual({ rank: 1, incarnation: 1 });
  });

  test("a rank with nothing to end is gone at once; whose last request is cancelled, then; one that stays did not restart", async () => {
    const { engine, plane, simulation } = opening(servingPool(SLOW_MODEL));
    simulation.change({ kind: "stop", rank: 0 });
    expect(simulation.state.lost).toEqual([0]);
    const kept = sent(engine, engine.shards[2], chat({ stream: true, max_tokens: 4000 }));
    const cut = sent(engine, engine.shards[3], chat({ stream: true, max_tokens: 4000 }));
    await expect.poll(() => [kept.sink, cut.sink].every(hasData), patiently).toBe(true);
    for (const rank of [2, 3]) simulation.change({ kind: "stop", rank });
    expect(simulation.state.lost).toEqual([0]);
    cut.exchange.cancel();
    expect(simulation.state.lost).toEqual([0, 3]);
    simulation.change({ kind: "restore", rank: 2 });
    expect(plane.signs()).toContainEqual({ rank: 2, incarnation: 0 });
    expect((await respond(engine, engine.shards[2], chat({ max_tokens: 1 }))).status).toBe(200);
    kept.exchange.cancel();
    expect(simulation.state.lost).toEqual([0, 3]);
  });

  test("a slow rank is so from its first snapshot on, and is as the others again", async () => {
    const { engine, plane, simulation } = opening(waitingPool(SLOW_MODEL));
    const seen: SimulationChange[] = [];
    simulation.onChange((change) => seen.push(change));
    const slow = (factor: number) => ({ kind: "slow", rank: 2, factor }) as const;
    for (const change of [slow(1), slow(50), slow(50)]) simulation.change(change);
    expect([seen, simulation.state.slow]).toEqual([[slow(50)], [{ rank: 2, factor: 50 }]]);
    plane.commit(firstSnapshot);
    const streams = [1, 2].map((rank) =>
      sent(engine, engine.shards[rank], chat({ stream: true, max_tokens: 4000 })),
    );
    const frames = () => streams.map(({ sink }) => sink.chunks.length);
    await expect.poll(() => frames()[0], patiently).toBeGreaterThan(30);
    expect(frames()[1]).toBeLessThan(5);
    simulation.change(slow(1));
    expect(simulation.state.slow).toEqual([]);
    await expect.poll(() => frames()[1], patiently).toBeGreaterThan(30);
    for (const { exchange } of streams) exchange.cancel();
  });

  test("a rank may stop before the first snapshot; a placement that needs it is not prepared", async () => {
    const { engine, plane, simulation } = opening(waitingPool());
    simulation.change({ kind: "lose", rank: 3 });
    plane.commit(firstSnapshot);
    expect((await respond(engine, engine.shards[0], chat({ max_tokens: 2 }))).status).toBe(200);
    await expect(plane.prepare(firstSnapshot.placement, 2, signal)).rejects.toThrow("GPU 3 has stopped");
    simulation.change({ kind: "restore", rank: 3 });
    await plane.prepare(firstSnapshot.placement, 2, signal);
    expect((await respond(engine, engine.shards[3], chat({ max_tokens: 2 }))).status).toBe(200);
  });

  test("what is so already is no change; each shift is one", () => {
    const { simulation } = opening(servingPool());
    const seen: SimulationChange[] = [];
    const stop = simulation.onChange((change) => seen.push(change));
    const [lose, restore, shift] = [
      { kind: "lose", rank: 2 },
      { kind: "restore", rank: 2 },
      { kind: "shift" },
    ] as const;
    const traffic = (factor: number) => ({ kind: "traffic", factor }) as const;
    // Nobody makes traffic yet.
    for (const change of [restore, lose, lose, shift, shift, restore, traffic(1.5)])
      simulation.change(change);
    expect(seen).toEqual([lose, shift, shift, restore]);
    const made = { name: "made up", most: 2, paused: false, trace: null };
    const steered: number[] = [];
    simulation.beginTraffic({
      state: { ...made, factor: 1.5 },
      change: (change) => change.kind === "traffic" && steered.push(change.factor) > 1,
    });
    for (const change of [traffic(1), traffic(1.5)]) simulation.change(change);
    expect([steered, seen.slice(4)]).toEqual([[1, 1.5], [traffic(1.5)]]);
    expect(simulation.state).toEqual({ traffic: { ...made, factor: 1.5 }, shifts: 2, lost: [], slow: [] });
    stop();
    simulation.change(lose);
    expect(seen).toHaveLength(5);
    expect(simulation.state.lost).toEqual([2]);
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
