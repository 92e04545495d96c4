import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type OtlpServer, startOtlpServer } from "../../harness/fakes/otlp-server.ts";
import type { OtlpTarget } from "../../src/config/telemetry-config.ts";
import { OtlpSender } from "../../src/telemetry/otlp/otlp-sender.ts";
import { Outage } from "../../src/telemetry/otlp/outage.ts";
import { SpanQueue } from "../../src/telemetry/tracing/span-queue.ts";
import { HandClock } from "../hand-clock.ts";
import { patiently } from "../patiently.ts";

let collector: OtlpServer;
beforeEach(async () => {
  collector = await startOtlpServer();
});
afterEach(() => collector.close());

/** Spans are numbers here, and a batch is written as a list of them. */
function exporting(more: Partial<OtlpTarget> = {}) {
  const notices: string[] = [];
  const target: OtlpTarget = {
    url: `${collector.url}/v1/traces`,
    headers: { "api-key": "k" },
    timeoutMs: 60_000,
    gzip: false,
    encoding: "json",
    tls: null,
    ...more,
  };
  const clock = new HandClock();
  const outage = new Outage("spans", target.url, clock, (line) => notices.push(line));
  const rejected = (answer: Uint8Array) =>
    (JSON.parse(Buffer.from(answer).toString()) as { rejected: number }).rejected;
  const sender = new OtlpSender(target, outage, rejected);
  const encode = (spans: unknown[]) => Buffer.from(JSON.stringify(spans));
  const queue = new SpanQueue(encode, sender, outage, 1);
  let next = 0;
  const end = (count: number) => {
    for (let i = 0; i < count; i++) queue.onEnd(next++ as unknown as ReadableSpan);
  };
  return { notices, sender, queue, end, clock };
}

function received(): number[] {
  return collector.requests.flatMap(({ body }) => JSON.parse(body.toString()) as number[]);
}

const upTo = (count: number) => [...Array(count).keys()];

describe("spans on their way to a collector", () => {
  test("arrive once, in order, in batches of bounded size, with the headers that it wants", async () => {
    const { end, queue, sender, notices } = exporting();
    end(300);
    await queue.shutdown();
    expect(received()).toEqual(upTo(300));
    expect(collector.requests.map(({ body }) => (JSON.parse(body.toString()) as []).length)).toEqual([
      128, 128, 44,
    ]);
    expect(collector.requests[0]).toMatchObject({
      path: "/v1/traces",
      headers: { "api-key": "k", "content-type": "application/json" },
    });
    expect(notices).toEqual([]);
    sender.close();
  });

  test("few arrive after a while by themselves, and packed where it wants that", async () => {
    const { end, sender } = exporting({ gzip: true });
    end(2);
    await vi.waitFor(() => expect(received()).toEqual([0, 1]), patiently);
    expect(collector.requests[0].headers["content-encoding"]).toBe("gzip");
    sender.close();
  });

  test.each([429, 502, 503, 504])("a batch that is answered %i is sent again", async (status) => {
    const { end, queue, sender, notices } = exporting();
    collector.answerWith(status);
    end(1);
    await vi.waitFor(() => expect(collector.requests).toHaveLength(1), patiently);
    collector.answerWith(200);
    await queue.shutdown();
    expect(received()).toEqual([0, 0]);
    expect(notices).toEqual([]);
    sender.close();
  });

  test.each([400, 401, 404, 500])(
    "one that is answered %i is lost, and the others are sent",
    async (status) => {
      const { end, queue, sender, notices, clock } = exporting();
      collector.answerWith(status);
      end(1);
      await queue.forceFlush();
      end(1);
      await queue.forceFlush();
      collector.answerWith(200);
      clock.ms = 40_000;
      end(1);
      await queue.shutdown();
      expect(received()).toEqual([0, 1, 2]);
      expect(notices).toEqual([
        `telemetry: spans to ${collector.url}/v1/traces are lost: it answers ${status}; nothing else is affected`,
        `telemetry: spans reach ${collector.url}/v1/traces again; 2 were lost`,
      ]);
      sender.close();
    },
  );

  test("what a good answer rejects is lost, and an answer that says nothing of it is good", async () => {
    const { end, queue, sender, notices } = exporting();
    for (const said of ["", "{}", "<html>", '{"rejected":0}', "x".repeat(100_000)]) {
      collector.answerWith(200, said);
      end(1);
      await queue.forceFlush();
    }
    expect(notices).toEqual([]);
    collector.answerWith(200, '{"rejected":3}');
    end(5);
    await queue.shutdown();
    expect(notices).toEqual([expect.stringContaining(" are lost: it rejects some of a batch;")]);
    expect(received()).toEqual(upTo(10));
    sender.close();
  });

  test("one that asks for more time than there is gets no second try", async () => {
    const { end, queue, sender, notices } = exporting();
    collector.answerWith(429, "", { "retry-after": "3600" });
    end(1);
    await queue.shutdown();
    expect(collector.requests).toHaveLength(1);
    expect(notices).toEqual([expect.stringContaining(" are lost: it answers 429;")]);
    sender.close();
  });

  test("of a collector that is down one line is said, and one when it is back", async () => {
    const { port } = collector;
    await collector.close();
    // Less than the pause before a second try.
    const { end, queue, sender, notices, clock } = exporting({ timeoutMs: 400 });
    for (let i = 0; i < 3; i++) {
      end(1);
      await queue.forceFlush();
      clock.ms += 60_000;
    }
    expect(notices).toEqual([expect.stringMatching(/ are lost: connect ECONNREFUSED 127\.0\.0\.1:\d+; /)]);
    collector = await startOtlpServer(port);
    end(1);
    await queue.shutdown();
    expect(received()).toEqual([3]);
    expect(notices[1]).toMatch(/ again; 3 were lost$/);
    sender.close();
  });

  test("one that takes some and never all is one line too", async () => {
    const { end, queue, sender, notices, clock } = exporting();
    for (let i = 0; i < 8; i++) {
      collector.answerWith(i % 2 === 0 ? 400 : 200);
      end(1);
      await queue.forceFlush();
      clock.ms += 20_000;
    }
    expect(notices).toHaveLength(1);
    sender.close();
  });

  test("while one does not answer, what waits is bounded, and what is too much is counted", async () => {
    collector.answerWith("nothing");
    const { end, queue, sender, notices } = exporting();
    end(128);
    await vi.waitFor(() => expect(collector.requests).toHaveLength(1), patiently);
    end(5000);
    expect(notices).toEqual([expect.stringContaining(" are lost: more end than it takes;")]);
    // Nothing more is sent meanwhile.
    expect(collector.requests).toHaveLength(1);
    const closed = queue.shutdown();
    sender.close();
    await closed;
    expect(notices).toHaveLength(1);
  });

  test("one that answers too late is given up", async () => {
    collector.answerWith("nothing");
    const { end, queue, sender, notices } = exporting({ timeoutMs: 20 });
    end(1);
    await queue.shutdown();
    expect(notices).toEqual([expect.stringContaining(" are lost: it does not answer;")]);
    sender.close();
  });

  test("a close ends pauses too: nothing keeps the process", async () => {
    collector.answerWith(503);
    const { end, queue, sender } = exporting();
    end(1);
    await vi.waitFor(() => expect(collector.requests).toHaveLength(1), patiently);
    const closed = queue.shutdown();
    sender.close();
    await closed;
    expect(collector.requests).toHaveLength(1);
  });
});
