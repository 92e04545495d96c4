import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/lib/errors.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import type { DistributionSummary } from "../../src/replay/measures/distribution.ts";
import type { LiveMeasures } from "../../src/replay/measures/live-measures.ts";
import type { Sender } from "../../src/replay/load.ts";
import { openLoop } from "../../src/replay/open-loop.ts";
import { PLAIN_WORDS, type PromptWords } from "../../src/replay/prompt-words.ts";
import { Replay, type ReplayOptions } from "../../src/replay/replay.ts";
import type { RequestRecord } from "../../src/replay/request-record.ts";
import { schedule } from "../../src/replay/schedule.ts";
import { type ListedModels, ServerClient } from "../../src/replay/server-client.ts";
import { azureConversation } from "../../src/twin/traffic.ts";
import { type ChatBody, scriptedServer, sendFrame, stream } from "../../harness/fakes/scripted-server.ts";

const NEVER = new AbortController().signal;

interface TraceClock {
  readonly speed: number;
  readonly durationMs: number;
}

/** A replay of a trace at once, its records kept. */
function replayOf(
  server: URL,
  trace: Iterable<TraceRequest>,
  { speed = 1, durationMs = Number.POSITIVE_INFINITY, ...options }: Partial<TraceClock & ReplayOptions> = {},
) {
  const records: RequestRecord[] = [];
  const replay = new Replay({
    target: { url: server, headers: [], insecure: false, keepAlive: true },
    style: { endpoint: "chat", model: "m1", lengths: "forced", extra: {} },
    load: openLoop(schedule(trace, speed, durationMs)),
    maxInFlight: 64,
    seed: 1,
    onRecord: (record) => records.push(record),
    ...options,
  });
  return { replay, records };
}

async function modelsOf(url: URL): Promise<ListedModels> {
  const client = new ServerClient({ url, headers: [], insecure: false, keepAlive: true }, 1);
  try {
    return await client.models();
  } finally {
    await client.stop();
  }
}

function requests(count: number, gapMs: number, outputTokens = 5): TraceRequest[] {
  return Array.from({ length: count }, (_, i) => ({
    arrivalMs: i * gapMs,
    inputTokens: 10 + i,
    outputTokens,
  }));
}

function expectOrdered(summary: DistributionSummary | null): void {
  expect(summary).not.toBeNull();
  const { p50, p90, p95, p99 } = summary as DistributionSummary;
  expect([p50, p90, p95, p99]).toEqual([p50, p90, p95, p99].toSorted((a, b) => a - b));
}

describe("a replay against a real server", () => {
  it.each([true, false])(
    "counts a request from when it is ready, where nobody waits for it: %s",
    async (whenReady) => {
      await using server = await scriptedServer(stream);
      let [startMs, madeMs, now] = [Number.NaN, Number.NaN, () => Number.NaN];
      const words: PromptWords = {
        ...PLAIN_WORDS,
        get words() {
          madeMs = now();
          return PLAIN_WORDS.words;
        },
      };
      const play = async (sender: Sender): Promise<void> => {
        await setTimeout(Math.max(0, 1 - sender.now()));
        now = () => sender.now();
        startMs = now();
        const [request] = requests(1, 0);
        await sender.at({ index: 0, startMs, request, whenReady }).ended;
      };
      const { replay, records } = replayOf(server.url, [], { words, load: { endsAtMs: null, play } });
      await replay.run(NEVER);
      const [{ scheduledMs, delayMs, sentMs }] = records;
      expect(madeMs).toBeGreaterThan(startMs);
      if (whenReady) expect(scheduledMs).toBeGreaterThanOrEqual(madeMs);
      else expect(scheduledMs).toBe(startMs);
      expect(sentMs).toBeGreaterThanOrEqual(scheduledMs + delayMs);
    },
  );

  it("counts no time in which its load was paused and nothing was in flight", async () => {
    await using server = await scriptedServer(stream);
    const asked: [fromMs: number, toMs: number][] = [];
    const [first, second] = requests(2, 60);
    const load = {
      endsAtMs: null,
      // As if it were paused whenever nothing is in flight.
      pausedMs: (fromMs: number, toMs: number) => {
        asked.push([fromMs, toMs]);
        return toMs - fromMs;
      },
      play: async (sender: Sender) => {
        await sender.at({ index: 0, startMs: 0, request: first }).ended;
        await sender.at({ index: 1, startMs: 60, request: second }).ended;
      },
    };
    const { replay, records } = replayOf(server.url, [], { load });
    const { durationMs, completed } = await replay.run(NEVER);
    const over = asked.at(-1)?.[1] ?? Number.NaN;
    const rested = asked.reduce((sum, [fromMs, toMs]) => sum + toMs - fromMs, 0);
    expect([completed, asked.length]).toEqual([2, 3]);
    expect(durationMs).toBeCloseTo(over - rested);
    // From the first answer's end to the second request.
    expect(asked[1][0]).toBeGreaterThanOrEqual(records[0].endedMs);
    expect(asked[1][1]).toBeGreaterThanOrEqual(60);
  });

  it("counts every request and token exactly", async () => {
    await using server = await scriptedServer(stream);
    const { replay, records } = replayOf(server.url, requests(20, 5));
    const summary = await replay.run(NEVER);

    expect(summary).toMatchObject({ sent: 20, completed: 20, failed: 0, cancelled: 0, failures: {} });
    expect(summary.inputTokens).toBe(20 * 10 + (19 * 20) / 2);
    expect(summary.outputTokens).toBe(20 * 5);
    for (const metric of ["ttftMs", "tpotMs", "itlMs", "e2eMs", "scheduleDelayMs"] as const) {
      expectOrdered(summary[metric]);
    }
    for (const record of records) {
      expect(record.failure).toBeNull();
      expect(record.itlMs).toHaveLength(record.outputTokens - 1);
      expect(record.delayMs).toBeGreaterThanOrEqual(0);
      expect(record.ttftMs).toBeGreaterThan(record.delayMs);
      const lastToken = (record.ttftMs ?? 0) + record.itlMs.reduce((sum, gap) => sum + gap, 0);
      expect(record.e2eMs).toBeGreaterThanOrEqual(lastToken - 1e-6);
    }
    expect(replay.live()).toMatchObject({ sent: 20, completed: 20, inFlight: 0, failed: 0 });
  });

  it("asks for a stream with usage, the trace's output tokens, and as many words as input tokens", async () => {
    await using server = await scriptedServer(stream);
    const trace = [{ arrivalMs: 0, inputTokens: 700, outputTokens: 3, prefixBlocks: [4, 9] }];
    await replayOf(new URL("/v1/", server.url), trace, {
      style: { endpoint: "chat", model: "m2", lengths: "forced", extra: {} },
    }).replay.run(NEVER);

    const [body] = server.bodies;
    expect(body).toMatchObject({ model: "m2", max_tokens: 3, stream: true });
    expect(body.stream_options).toEqual({ include_usage: true });
    expect(body.messages[0].content.split(" ")).toHaveLength(700);
  });

  it("believes the server's usage where a frame is not a token", async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const content of ["two tokens", "and three more"])
        sendFrame(response, { choices: [{ delta: { content } }] });
      sendFrame(response, { choices: [], usage: { prompt_tokens: 14, completion_tokens: 5 } });
      response.end("data: [DONE]\n\n");
    });
    const { replay, records } = replayOf(server.url, requests(1, 0));
    expect(await replay.run(NEVER)).toMatchObject({ completed: 1, inputTokens: 14, outputTokens: 5 });
    expect(records[0].itlMs).toHaveLength(1);
  });

  it("counts frames and the trace's lengths where the server reports no usage", async () => {
    await using server = await scriptedServer((body, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let i = 0; i < body.max_tokens; i++)
        sendFrame(response, { choices: [{ delta: { content: "x" } }] });
      response.end("data: [DONE]\n\n");
    });
    const summary = await replayOf(server.url, requests(1, 0, 7)).replay.run(NEVER);
    expect(summary).toMatchObject({ completed: 1, inputTokens: 10, outputTokens: 7 });
  });

  it("counts failures by reason and leaves them out of the latencies", async () => {
    const fates: Readonly<
      Record<number, (body: ChatBody, response: Parameters<typeof stream>[1]) => unknown>
    > = {
      1: stream,
      2: (_, response) => response.writeHead(500).end("{}"),
      3: (_, response) => response.writeHead(503, { "retry-after": "1" }).end(),
      4: (_, response) => {
        response.writeHead(200);
        sendFrame(response, { choices: [{ delta: { content: "x" } }] });
        response.socket?.resetAndDestroy();
      },
      5: (_, response) => {
        response.writeHead(200);
        sendFrame(response, { error: { message: "engine died" } });
        response.end("data: [DONE]\n\n");
      },
      6: (_, response) => {
        response.writeHead(200);
        sendFrame(response, { choices: [{ delta: { content: "x" } }] });
        response.end();
      },
      7: (_, response) => response.writeHead(200).end("data: {not json\n\n"),
    };
    await using server = await scriptedServer(async (body, response) => {
      await fates[body.max_tokens](body, response);
    });
    const trace = [1, 2, 3, 4, 5, 6, 7, 1].map((outputTokens) => ({
      arrivalMs: 0,
      inputTokens: 4,
      outputTokens,
    }));
    const { replay, records } = replayOf(server.url, trace);
    const summary = await replay.run(NEVER);

    expect(summary).toMatchObject({ sent: 8, completed: 2, failed: 6, cancelled: 0, outputTokens: 2 });
    const { http_500, http_503, error_frame, incomplete_stream, ...resets } = summary.failures;
    expect({ http_500, http_503, error_frame, incomplete_stream }).toEqual({
      http_500: 1,
      http_503: 1,
      error_frame: 2,
      incomplete_stream: 1,
    });
    expect(Object.entries(resets)).toEqual([[expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/), 1]]);
    const indexes = records.map((record) => record.index).toSorted((a, b) => a - b);
    expect(indexes).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("fails requests, not the run, when nobody listens", async () => {
    const gone = await scriptedServer(stream);
    await gone[Symbol.asyncDispose]();
    const summary = await replayOf(gone.url, requests(3, 0)).replay.run(NEVER);
    expect(summary).toMatchObject({ sent: 3, completed: 0, failed: 3, failures: { ECONNREFUSED: 3 } });
    expect(summary.ttftMs).toBeNull();
    await expect(modelsOf(gone.url)).rejects.toThrow(InputError);
  });

  it("is open loop: sends on although nothing has been answered", async () => {
    const held: (() => Promise<void>)[] = [];
    const seen: LiveMeasures[] = [];
    await using server = await scriptedServer(async (body, response) => {
      held.push(() => stream(body, response));
      if (held.length < 12) return;
      seen.push(replay.live());
      await Promise.all(held.map((release) => release()));
    });
    const { replay } = replayOf(server.url, requests(12, 2));
    const summary = await replay.run(NEVER);
    expect(seen).toMatchObject([{ sent: 12, inFlight: 12, completed: 0, ttftMs: null }]);
    expect(summary).toMatchObject({ completed: 12, maxInFlight: 12 });
    expect(server.mostOpen).toBe(12);
  });

  it("never has more in flight than allowed, and reports the wait as schedule delay", async () => {
    await using server = await scriptedServer(stream);
    const { replay, records } = replayOf(server.url, requests(9, 0), { maxInFlight: 2 });
    const summary = await replay.run(NEVER);
    expect(summary).toMatchObject({ completed: 9, maxInFlight: 2 });
    expect(server.mostOpen).toBeLessThanOrEqual(2);
    const last = records.find((record) => record.index === 8) as RequestRecord;
    const first = records.find((record) => record.index === 0) as RequestRecord;
    expect(last.delayMs).toBeGreaterThan(first.delayMs);
    expect(last.ttftMs).toBeGreaterThan(last.delayMs);
  });

  it("ends with what ran when stopped, and frees the server", async () => {
    const stop = new AbortController();
    const freed = Promise.withResolvers<void>();
    await using server = await scriptedServer(async (body, response) => {
      if (server.bodies.length <= 2) return stream(body, response);
      response.once("close", freed.resolve);
      stop.abort();
    });
    const endless = azureConversation(new Rng(1), 200).map((request) => ({ ...request, outputTokens: 2 }));
    const { replay } = replayOf(server.url, endless, { maxInFlight: 1 });
    const summary = await replay.run(stop.signal);
    expect(summary).toMatchObject({ sent: 3, completed: 2, cancelled: 1, failed: 0, failures: {} });
    await freed.promise;
  });

  it("stops by itself at the duration, and waits for what is in flight", async () => {
    await using server = await scriptedServer(stream);
    const summary = await replayOf(server.url, requests(100, 10), { durationMs: 100, speed: 2 }).replay.run(
      NEVER,
    );
    expect(summary).toMatchObject({ sent: 20, completed: 20 });
  });

  it("sends nothing once stopped beforehand", async () => {
    await using server = await scriptedServer(stream);
    const summary = await replayOf(server.url, requests(3, 0)).replay.run(AbortSignal.abort());
    expect(summary).toMatchObject({ sent: 0, completed: 0, cancelled: 0 });
    expect(server.bodies).toEqual([]);
  });
});

describe("the models of a server", () => {
  it("are listed in the server's order", async () => {
    await using server = await scriptedServer(stream);
    expect(await modelsOf(server.url)).toEqual({ status: 200, ids: ["m1", "m2"] });
  });
});
