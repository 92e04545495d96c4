import { expect, test } from "vitest";
import type { Engine, EngineRequest } from "../../src/serving/engine.ts";
import { shardReports } from "../../src/serving/health/shard-reports.ts";
import { header, respond, sent } from "../engine-response.ts";
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

const never = new AbortController().signal;

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
  test("its shards have ids of their own, its pool's name and their rank; each is one server's", () =>
    opened(open, async ({ engine }) => {
      expect(engine.shards.length).toBeGreaterThan(0);
      expect(new Set(engine.shards.map((shard) => shard.id)).size).toBe(engine.shards.length);
      expect(engine.shards.map((shard) => shard.rank)).toEqual(engine.shards.map((_, rank) => rank));
      expect(new Set(engine.shards.map((shard) => shard.pool))).toEqual(new Set([engine.pool]));
      expect(engine.servers.flatMap((server) => server.shards)).toEqual(engine.shards);
    }));

  test("every server lists its models", () =>
    opened(open, async ({ engine, model }) => {
      for (const server of engine.servers) {
        expect((await server.models(never)).map((card) => card.id)).toContain(model);
      }
    }));

  test("every server reports on its shards: ready, with a load or why there is none", () =>
    opened(open, async ({ engine }) => {
      for (const server of engine.servers) {
        // The first probe may come before the engine is ready.
        await expect
          .poll(async () => (await shardReports(server, never)).map((report) => report.ready), patiently)
          .toEqual(server.shards.map(() => true));
        for (const { load, lack } of await shardReports(server, never)) {
          expect(load === null).toBe(lack !== null);
          expect(load?.running ?? 0).toBe(0);
          expect(load?.waiting ?? 0).toBe(0);
        }
      }
    }));

  test("every shard answers GET /v1/models", () =>
    opened(open, async ({ engine, model }) => {
      const request: EngineRequest = { method: "GET", path: "/v1/models", headers: [], body: null };
      for (const shard of engine.shards) {
        const { status, text } = await respond(engine, shard, request);
        expect(status).toBe(200);
        expect((JSON.parse(text) as { data: { id: string }[] }).data.map((card) => card.id)).toContain(model);
      }
    }));

  test("completes a chat whole", () =>
    opened(open, async ({ engine, model }) => {
      const response = await respond(engine, engine.shards[0], chat(model, false, 5));
      expect(response.status).toBe(200);
      expect(header(response, "content-type")).toContain("application/json");
      const answer = JSON.parse(response.text) as Completion;
      expect(answer).toMatchObject({ object: "chat.completion", model, usage: { completion_tokens: 5 } });
      expect(answer.choices[0].message.content).not.toBe("");
    }));

  test("streams a chat frame by frame: headers, data, the end, and nothing before `send` has returned", () =>
    opened(open, async ({ engine, model }) => {
      const { sink } = sent(engine, engine.shards[0], chat(model, true, 5));
      expect(sink.received).toEqual([]);
      await sink.over;
      expect(sink.received.join(" ")).toMatch(/^headers( data)+ end$/);
      expect(sink.headersHeard?.status).toBe(200);
      expect(header(sink.headersHeard, "content-type")).toContain("text/event-stream");
      const data = [...sink.text.matchAll(/^data: (.*)$/gm)].map((match) => match[1]);
      expect(data.at(-1)).toBe("[DONE]");
      const chunks = data.slice(0, -1).map((json) => JSON.parse(json) as Chunk);
      expect(chunks.filter((chunk) => (chunk.choices[0]?.delta.content ?? "") !== "")).toHaveLength(5);
    }));

  test("a full sink receives no more until it resumes, and misses nothing", () =>
    opened(open, async ({ engine, model }) => {
      const { sink, exchange } = sent(engine, engine.shards[0], chat(model, true, 20));
      const full = Promise.withResolvers<void>();
      sink.onData = () => {
        full.resolve();
        return false;
      };
      await full.promise;
      const { length } = sink.received;
      // A second request is served to its end meanwhile: the first had its time.
      await respond(engine, engine.shards[0], chat(model, true, 20));
      expect(sink.received).toHaveLength(length);
      sink.onData = () => true;
      exchange.resume();
      await sink.over;
      expect(sink.received.at(-1)).toBe("end");
      expect(sink.text.match(/^data: /gm)?.length).toBeGreaterThan(20);
    }));

  test("a sink that is full again after every chunk receives everything in the end", () =>
    opened(open, async ({ engine, model }) => {
      const { sink, exchange } = sent(engine, engine.shards[0], chat(model, true, 20));
      sink.onData = () => {
        setImmediate(() => exchange.resume());
        return false;
      };
      await sink.over;
      expect(sink.received.at(-1)).toBe("end");
      expect(sink.text).toContain("data: [DONE]\n\n");
    }));

  test("to cancel frees the request, and nothing more is received", () =>
    opened(open, async (subject) => {
      const { engine, model } = subject;
      const { sink, exchange } = sent(engine, engine.shards[0], chat(model, true, 4000));
      await expect.poll(() => sink.received, patiently).toContain("data");
      expect(await subject.busy()).toBe(true);
      exchange.cancel();
      const { length } = sink.received;
      await expect.poll(() => subject.busy(), patiently).toBe(false);
      exchange.cancel();
      exchange.resume();
      expect(sink.received).toHaveLength(length);
    }));

  test("a sink may cancel while it receives something", () =>
    opened(open, async (subject) => {
      const { engine, model } = subject;
      const { sink, exchange } = sent(engine, engine.shards[0], chat(model, true, 4000));
      sink.onData = () => {
        exchange.cancel();
        return true;
      };
      await expect.poll(() => sink.received, patiently).toContain("data");
      await expect.poll(() => subject.busy(), patiently).toBe(false);
      expect(sink.received).toEqual(["headers", "data"]);
    }));

  test("what is cancelled at once is neither answered nor worked on", () =>
    opened(open, async (subject) => {
      const { engine, model } = subject;
      const { sink, exchange } = sent(engine, engine.shards[0], chat(model, true, 4000));
      exchange.cancel();
      await respond(engine, engine.shards[0], chat(model, true, 1));
      expect(sink.received).toEqual([]);
      await expect.poll(() => subject.busy(), patiently).toBe(false);
    }));

  test("closing fails what is in flight, once", () =>
    opened(open, async ({ engine, model }) => {
      const { sink } = sent(engine, engine.shards[0], chat(model, true, 4000));
      await expect.poll(() => sink.received, patiently).toContain("data");
      await engine.close();
      await sink.over;
      expect(sink.received.filter((call) => call === "fail")).toEqual(["fail"]);
      expect(sink.received.at(-1)).toBe("fail");
      expect(sink.fault).toMatchObject({ name: "EngineUnreachable", mayHaveBegun: true });
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
    headers: ["content-type", "application/json"],
    body: Buffer.from(JSON.stringify(body)),
  };
}
