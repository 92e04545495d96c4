import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { Engine, EngineRequest } from "../../src/serving/engine.ts";
import { patiently } from "../patiently.ts";

/** One engine under test, open for the length of a test. */
export interface EngineUnderTest {
  readonly engine: Engine;
  /** A model the engine serves. */
  readonly model: string;
  /** Whether anything is still being worked on inside the engine. */
  busy(): Promise<boolean>;
  close(): Promise<void>;
}

async function opened(
  open: () => Promise<EngineUnderTest>,
  check: (subject: EngineUnderTest) => Promise<void>,
): Promise<void> {
  const subject = await open();
  try {
    await check(subject);
  } finally {
    await subject.close();
  }
}

/** What every Engine must do. */
export function engineContract(open: () => Promise<EngineUnderTest>): void {
  test("its shards have ids of their own, its pool's name and their rank", () =>
    opened(open, async ({ engine }) => {
      expect(engine.shards.length).toBeGreaterThan(0);
      expect(new Set(engine.shards.map((shard) => shard.id)).size).toBe(engine.shards.length);
      expect(engine.shards.map((shard) => shard.rank)).toEqual(engine.shards.map((_, rank) => rank));
      expect(new Set(engine.shards.map((shard) => shard.pool))).toEqual(new Set([engine.pool]));
    }));

  test("lists its models", () =>
    opened(open, async ({ engine, model }) => {
      expect((await engine.models()).map((card) => card.id)).toContain(model);
    }));

  test("every shard answers GET /v1/models", () =>
    opened(open, async ({ engine, model }) => {
      const request: EngineRequest = { method: "GET", path: "/v1/models", headers: {}, body: null };
      for (const shard of engine.shards) {
        const { status, body } = await engine.forward(shard, request, new AbortController().signal);
        expect(status).toBe(200);
        expect(
          (JSON.parse(await text(body)) as { data: { id: string }[] }).data.map((card) => card.id),
        ).toContain(model);
      }
    }));

  test("completes a chat whole", () =>
    opened(open, async ({ engine, model }) => {
      const { status, headers, body } = await engine.forward(
        engine.shards[0],
        chat(model, false, 5),
        new AbortController().signal,
      );
      expect(status).toBe(200);
      expect(headers["content-type"]).toContain("application/json");
      const answer = JSON.parse(await text(body)) as Completion;
      expect(answer).toMatchObject({ object: "chat.completion", model, usage: { completion_tokens: 5 } });
      expect(answer.choices[0].message.content).not.toBe("");
    }));

  test("streams a chat frame by frame", () =>
    opened(open, async ({ engine, model }) => {
      const { status, headers, body } = await engine.forward(
        engine.shards[0],
        chat(model, true, 5),
        new AbortController().signal,
      );
      expect(status).toBe(200);
      expect(headers["content-type"]).toContain("text/event-stream");
      const data = [...(await text(body)).matchAll(/^data: (.*)$/gm)].map((match) => match[1]);
      expect(data.at(-1)).toBe("[DONE]");
      const chunks = data.slice(0, -1).map((json) => JSON.parse(json) as Chunk);
      expect(chunks.filter((chunk) => (chunk.choices[0]?.delta.content ?? "") !== "")).toHaveLength(5);
    }));

  test("an aborted signal frees the request", () =>
    opened(open, async (subject) => {
      const { engine, model } = subject;
      const abort = new AbortController();
      const { body } = await engine.forward(engine.shards[0], chat(model, true, 4000), abort.signal);
      body.once("error", () => {});
      await firstBytes(body);
      expect(await subject.busy()).toBe(true);
      abort.abort();
      await expect.poll(() => subject.busy(), patiently).toBe(false);
    }));

  test("destroying the body frees the request", () =>
    opened(open, async (subject) => {
      const { engine, model } = subject;
      const { body } = await engine.forward(
        engine.shards[0],
        chat(model, true, 4000),
        new AbortController().signal,
      );
      body.once("error", () => {});
      await firstBytes(body);
      body.destroy();
      await expect.poll(() => subject.busy(), patiently).toBe(false);
    }));

  test("a signal aborted beforehand sends nothing", () =>
    opened(open, async (subject) => {
      const { engine, model } = subject;
      await expect(
        engine.forward(engine.shards[0], chat(model, true, 4000), AbortSignal.abort(new Error("gone"))),
      ).rejects.toThrow("gone");
      expect(await subject.busy()).toBe(false);
    }));
}

interface Completion {
  choices: { message: { content: string } }[];
}

interface Chunk {
  choices: { delta: { content?: string } }[];
}

function chat(model: string, stream: boolean, maxTokens: number): EngineRequest {
  const body = {
    model,
    stream,
    max_tokens: maxTokens,
    messages: [{ role: "user", content: "Say something." }],
  };
  return {
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(body)),
  };
}

async function text(body: Readable): Promise<string> {
  return Buffer.concat(await body.toArray()).toString("utf8");
}

function firstBytes(body: Readable): Promise<void> {
  return new Promise((resolve) => {
    body.once("data", () => resolve());
  });
}
