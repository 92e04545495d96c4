import { beforeEach, describe, expect, test } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { modelLike } from "../../harness/small-model.ts";
import { RoutedExperts } from "../../src/engines/http/routed-experts.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import type { EngineRequest, ResponseHeaders, ResponseSink } from "../../src/serving/engine.ts";

/** 2 MoE layers, 16 experts, top-2. */
let model: MoeModel;
let received: { response: ResponseHeaders | null; data: string; traces: RoutingTrace[]; ended: boolean };
let sink: ResponseSink;
beforeEach(async () => {
  model = modelLike(await loadModel("deepseek-v3"), { layers: 2, experts: 16, topk: 2 });
  received = { response: null, data: "", traces: [], ended: false };
  sink = {
    headers: (response) => void (received.response = response),
    data: (chunk) => {
      received.data += chunk.toString();
      return true;
    },
    routed: (trace) => void received.traces.push(trace),
    end: () => void (received.ended = true),
    fail: () => {},
  };
});

const IDS = Int32Array.of(1, 2, 3, 4);
const BASE64 = Buffer.from(IDS.buffer).toString("base64");
const TRACE = { tokens: 1, layers: 2, topk: 2, experts: Int16Array.from(IDS) };

function request(
  fields: { readonly return_routed_experts?: boolean; readonly [field: string]: unknown },
  path = "/v1/chat/completions",
): EngineRequest {
  const asksForExperts = fields.return_routed_experts === true;
  return { method: "POST", path, headers: [], body: Buffer.from(JSON.stringify(fields)), asksForExperts };
}

/** Answers with that text, in pieces of 7 bytes. */
function answer(to: ResponseSink, text: string, ...headers: string[]): void {
  to.headers({ status: 200, headers: ["content-length", `${text.length}`, ...headers], kvUse: null });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) to.data(Buffer.from(bytes.subarray(at, at + 7)));
  to.end();
}

const STREAM = ["content-type", "text/event-stream; charset=utf-8"];

describe("servers that return them with every answer", () => {
  test("are read, and clients that did not ask get the rest alone", () => {
    const experts = new RoutedExperts({ model, part: 1 }, false);
    const asked = request({ model: "m" });
    const wrapped = experts.wrap(asked, sink);
    expect(wrapped.request).toBe(asked);
    answer(
      wrapped.sink,
      `{"choices":[{"index":0,"routed_experts":"${BASE64}"},{"routed_experts":[[[5,6],[7,8]]]}]}`,
    );
    expect(received).toMatchObject({ data: '{"choices":[{"index":0},{}]}', ended: true });
    expect(received.response?.headers).toEqual([]);
    expect(received.traces).toEqual([TRACE, { ...TRACE, experts: Int16Array.of(5, 6, 7, 8) }]);
    expect(experts.counts).toEqual({ read: 2, truncated: 0, foreign: 0 });
  });

  test("are passed on as they are where the client asked", () => {
    const experts = new RoutedExperts({ model, part: 1 }, false);
    const text = `{"choices":[{"routed_experts":"${BASE64}"}]}`;
    answer(experts.wrap(request({ return_routed_experts: true }), sink).sink, text);
    expect(received.data).toBe(text);
    expect(received.response?.headers).toEqual(["content-length", `${text.length}`]);
    expect(received.traces).toEqual([TRACE]);
  });

  test("lose them too where the request is none of those that are looked into", () => {
    const experts = new RoutedExperts({ model, part: 0 }, false);
    answer(experts.wrap(request({}), sink).sink, `{"routed_experts":"${BASE64}","a":1}`);
    expect(received).toMatchObject({ data: '{"a":1}', traces: [] });
  });

  test.each([
    ['"AAAA"', "foreign"],
    ['"@@"', "foreign"],
    ["{}", "foreign"],
    ["[[[1,99],[2,3]]]", "foreign"],
    ["[1,", "truncated"],
  ] as const)("say what cannot be read: %s", (value, verdict) => {
    const experts = new RoutedExperts({ model, part: 1 }, false);
    answer(experts.wrap(request({}), sink).sink, `{"a":1,"routed_experts":${value}`);
    expect(received).toMatchObject({ data: '{"a":1', traces: [], ended: true });
    expect(experts.counts[verdict]).toBe(1);
  });

  test.each([
    ["errors", 500, []],
    ["compressed answers", 200, ["content-encoding", "gzip"]],
  ])("%s pass as they are", (_, status, headers) => {
    const wrapped = new RoutedExperts({ model, part: 1 }, false).wrap(request({}), sink);
    wrapped.sink.headers({ status, headers, kvUse: null });
    wrapped.sink.data(Buffer.from('{"routed_experts":1}'));
    expect(received.data).toBe('{"routed_experts":1}');
  });

  test("of long lists the beginning is read, which takes no longer however many tokens follow", () => {
    const experts = new RoutedExperts({ model, part: 1 }, false);
    const { sink: to } = experts.wrap(request({}), sink);
    to.headers({ status: 200, headers: [], kvUse: null });
    to.data(Buffer.from(`{"routed_experts":[${"[[1,2],[3,4]],".repeat(200_000)}[[1,2],[3,4]]]}`));
    to.end();
    const [{ tokens, experts: read }] = received.traces;
    expect(tokens).toBe(Math.floor((1 << 20) / "[[1,2],[3,4]],".length));
    expect(read.subarray(-4)).toEqual(TRACE.experts);
    expect(experts.counts).toEqual({ read: 1, truncated: 0, foreign: 0 });
  });

  test("other requests are let be", () => {
    const other = request({}, "/v1/responses");
    const experts = new RoutedExperts({ model, part: 1 }, false);
    expect(experts.wrap(other, sink)).toEqual({ request: other, sink });
  });
});

describe("servers that are to be asked", () => {
  test("are asked in a part of the requests", () => {
    const experts = new RoutedExperts({ model, part: 0.25 }, true);
    let asked = 0;
    for (let i = 0; i < 400; i++) {
      const { added } = experts.wrap(request({ model: "m" }), sink).request;
      if (added === '"return_routed_experts":true') asked++;
    }
    expect(asked).toBeGreaterThan(70);
    expect(asked).toBeLessThan(130);
  });

  test("a stream's event that came of that alone is not the client's", () => {
    const wrapped = new RoutedExperts({ model, part: 1 }, true).wrap(request({ stream: true }), sink);
    const first = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n';
    const usage = 'data: {"choices":[],"usage":{"total_tokens":3}}\n\ndata: [DONE]\n\n';
    const extension = (others: string) =>
      `data: {"id":"1","choices":[],"usage":null,"sglext":{"routed_experts":"${BASE64}",${others}}}\n\n`;
    answer(wrapped.sink, first + extension('"cached_tokens_details":null') + usage, ...STREAM);
    expect(received).toMatchObject({ data: first + usage, traces: [TRACE], ended: true });
  });

  test("an event may have a line end too many behind it", () => {
    const wrapped = new RoutedExperts({ model, part: 1 }, true).wrap(request({ stream: true }), sink);
    const [event, done] = ['data: {"choices":[],"sglext":{"input_ids":[1]}}\n\n\n', "data: [DONE]\n\n"];
    wrapped.sink.headers({ status: 200, headers: STREAM, kvUse: null });
    for (const part of [event, done]) wrapped.sink.data(Buffer.from(part));
    wrapped.sink.end();
    expect(received).toMatchObject({ data: event + done, ended: true });
  });

  test("what else the client asked for of the extension stays", () => {
    const wrapped = new RoutedExperts({ model, part: 1 }, true).wrap(request({ stream: true }), sink);
    const event = (experts: string) => `data: {"choices":[],"sglext":{${experts}"input_ids":[1]}}\n\n`;
    answer(wrapped.sink, event(`"routed_experts":"${BASE64}",`), ...STREAM);
    expect(received.data).toBe(event(""));
  });

  test("a name in a prompt asks for nothing", () => {
    const prompt = request({ prompt: 'say "return_routed_experts": true' });
    const { request: sent } = new RoutedExperts({ model, part: 1 }, true).wrap(prompt, sink);
    expect(sent.added).toBe('"return_routed_experts":true');
  });
});
