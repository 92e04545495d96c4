import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeServer, deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

let fake: FakeServer;
let dead: string;
beforeAll(async () => {
  fake = await startOpenAiServer();
  dead = await deadUrl();
});
afterAll(() => fake.kill());

async function withGateway(
  yaml: string,
  check: (gateway: RunningGateway) => Promise<void>,
  environment = {},
): Promise<void> {
  const gateway = await startGateway(yaml, environment);
  try {
    await check(gateway);
    await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
  } finally {
    await gateway.stop();
  }
}

function post(url: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "small", ...body }),
  });
}

async function refusal(response: Response): Promise<{ message: string; code: string }> {
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(response.headers.get("x-request-id")).toBeTruthy();
  return ((await response.json()) as { error: { message: string; code: string } }).error;
}

test("no engine up: 503 with the reason and when to try again", () =>
  withGateway(chatPool(dead), async ({ url }) => {
    const { code, message } = await refusal(await post(url, {}));
    expect(code).toBe("not_ready");
    expect(message).toBe("No shard of pool `chat` is ready.");
    expect((await fetch(`${url}/v1/models`)).status).toBe(503);
  }));

test("the last engine dies: 503 with what became of it, until it is known to be away", async () => {
  const last = await startOpenAiServer();
  await withGateway(chatPool(last.url), async ({ url }) => {
    expect((await post(url, {})).status).toBe(200);
    await last.kill();
    const { code, message } = await refusal(await post(url, {}));
    expect(code).toBe("all_tried");
    expect(message).toMatch(
      /^No shard of pool `chat` could be reached: The engine (?:could not be reached|closed the connection without a response)\.$/,
    );
  });
});

test("an engine that is down is skipped, every time", () =>
  withGateway(chatPool(dead, fake.url), async ({ url }) => {
    for (let i = 0; i < 8; i++) {
      const response = await post(url, {});
      expect(response.status).toBe(200);
      expect(response.headers.get("x-plimsoll-shard")).toBe(`chat/${fake.url}`);
      await response.text();
    }
  }));

test("an engine that resets before its first byte is tried again, at another engine where there is one", async () => {
  const other = await startOpenAiServer();
  const tried = async () =>
    (await Promise.all([fake.seen(), other.seen()])).map(
      (seen) => seen.filter(({ method }) => method === "POST").length,
    );
  await withGateway(chatPool(fake.url, other.url), async ({ url }) => {
    const before = await tried();
    const response = await post(url, { safety_identifier: "reset-before-headers" });
    expect([response.status, await response.json()]).toMatchObject([
      502,
      { error: { code: "engine_failed", reason: "engine_failed" } },
    ]);
    const chats = (await tried()).map((count, i) => count - before[i]);
    expect(chats[0] + chats[1]).toBe(3);
    expect(Math.min(...chats)).toBe(1);
  });
  await other.kill();
});

test("a stream that breaks off ends with an error event after its whole frames", () =>
  withGateway(chatPool(fake.url), async ({ url, app }) => {
    const text = await (
      await post(url, { stream: true, max_completion_tokens: 9, safety_identifier: "reset-mid-frame" })
    ).text();
    const frames = text.split(/\r?\n\r?\n/).filter((frame) => frame.startsWith("data: "));
    const values = frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as Record<string, unknown>);
    expect(values.slice(0, -1).every((value) => value["object"] === "chat.completion.chunk")).toBe(true);
    expect(values).toHaveLength(1 + 2 + 1);
    expect(values.at(-1)).toEqual({
      error: {
        message: "The engine broke off its response.",
        type: "server_error",
        param: null,
        code: "engine_failed",
        reason: "engine_failed",
      },
    });
    expect(text).not.toContain("[DONE]");
    expect(app.gateway().deck.meter.report(0).failed).toBe(1);
  }));

test("beyond the limits in flight and in the queue: 503 at once with the reason", () =>
  withGateway(
    chatPool(fake.url),
    async ({ url }) => {
      const slow = await post(url, { stream: true, max_completion_tokens: 4000 });
      const refused = await post(url, {});
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(await refused.json()).toMatchObject({
        error: {
          code: "queue_full",
          message: "The gateway has as many requests in flight and waiting as it may.",
        },
      });
      await slow.body?.cancel();
    },
    { PLIMSOLL_ADMISSION_TOTAL_MAX_IN_FLIGHT: "1", PLIMSOLL_ADMISSION_QUEUE_MAX_WAITING: "0" },
  ));

test("a request waits for its place, and gets it", () =>
  withGateway(
    chatPool(fake.url),
    async ({ url, app }) => {
      const { admission } = app.gateway().deck;
      const slow = await post(url, { stream: true, max_completion_tokens: 4000 });
      const waiting = post(url, {});
      await expect.poll(() => admission.queued, patiently).toBe(1);
      await slow.body?.cancel();
      expect((await waiting).status).toBe(200);
    },
    { PLIMSOLL_ADMISSION_TOTAL_MAX_IN_FLIGHT: "1" },
  ));

test("a client that leaves while its request waits, or pauses before it is sent again, takes it along", () =>
  withGateway(
    `retry: { baseMs: 60000, maxMs: 60000 }\n${chatPool(fake.url)}`,
    async ({ url, app }) => {
      const { admission } = app.gateway().deck;
      const posts = async () => (await fake.seen()).filter(({ method }) => method === "POST").length;
      const before = await posts();
      const leaving = new AbortController();
      const leave = (body: object) =>
        fetch(`${url}/v1/completions`, {
          method: "POST",
          body: JSON.stringify(body),
          signal: leaving.signal,
        });
      const pausing = leave({ model: "small", safety_identifier: "reset-before-headers" });
      const waiting = leave({ model: "small" });
      await expect.poll(() => admission.queued, patiently).toBe(1);
      await expect.poll(posts, patiently).toBe(before + 1);
      await expect.poll(() => app.gateway().pools[0].states.requests[0], patiently).toBe(0);
      leaving.abort();
      for (const left of [pausing, waiting]) await expect(left).rejects.toThrow("aborted");
      await expect.poll(() => [admission.queued, admission.inFlight], patiently).toEqual([0, 0]);
      expect(await posts()).toBe(before + 1);
    },
    { PLIMSOLL_ADMISSION_TOTAL_MAX_IN_FLIGHT: "1" },
  ));

test("stopping lets a stream finish and refuses what is new", async () => {
  const gateway = await startGateway(chatPool(fake.url));
  const stream = await post(gateway.url, { stream: true, max_completion_tokens: 100 });
  const stopped = gateway.stop();
  const [text] = await Promise.all([stream.text(), stopped]);
  expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  await expect(post(gateway.url, {})).rejects.toThrow("fetch failed");
});

test("stopping cuts a stream off when the grace time is over", async () => {
  const gateway = await startGateway(chatPool(fake.url), { PLIMSOLL_HTTP_GRACE_MS: "50" });
  const stream = await post(gateway.url, { stream: true, max_completion_tokens: 1_000_000 });
  const text = stream.text();
  await Promise.all([expect(text).rejects.toThrow("terminated"), gateway.stop()]);
  const fate = async () => (await fake.seen()).findLast(({ method }) => method === "POST")?.fate;
  await expect.poll(fate, patiently).toBe("aborted");
});

test("stopping ends event streams and idle connections without waiting for the grace time", async () => {
  const gateway = await startGateway(chatPool(fake.url), { PLIMSOLL_HTTP_GRACE_MS: "600000" });
  const events = await fetch(`${gateway.url}/ep/v1/events`);
  await (await fetch(`${gateway.url}/health`)).text();
  const [text] = await Promise.all([events.text(), gateway.stop()]);
  expect(text).toContain("event: history");
});
