import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootstrap } from "../../src/engines/sglang/bootstrap.ts";
import { sglangEngine } from "../../src/engines/sglang/sglang-engine.ts";
import { kvTransfer } from "../../src/engines/vllm/kv-transfer.ts";
import { vllmEngine } from "../../src/engines/vllm/vllm-engine.ts";
import type { EngineRequest } from "../../src/serving/engine.ts";
import { Unpairable } from "../../src/serving/pairing.ts";
import { respond } from "../engine-response.ts";
import { type FakeServer, startFake } from "../../harness/fakes/start-openai-server.ts";

const EMPTY = Buffer.alloc(0);
const timeouts = { connectTimeoutMs: 1000, firstTokenTimeoutMs: 9000, idleTimeoutMs: 9000, connections: 0 };
const CHAT =
  '{"model":"small","stream":true,"messages":[{"role":"user","content":"Hello }"}],"max_tokens":4}';

function options(url: string, pool: string) {
  return { pool, urls: [url], dataParallelSize: 1, rankOffsets: [0], apiKey: null, timeouts };
}

function post(body: Uint8Array): EngineRequest {
  return { method: "POST", path: "/v1/chat/completions", headers: [], body };
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString();
}

describe("vllm: in turn", () => {
  let prefill: FakeServer;
  let decode: FakeServer;
  beforeAll(async () => {
    [prefill, decode] = await Promise.all([startFake("vllm"), startFake("vllm")]);
  });
  afterAll(() => Promise.all([prefill.kill(), decode.kill()]));

  test("the decode finds the cache that the prefill left, once", async () => {
    const first = vllmEngine(options(prefill.url, "prefill"));
    const second = vllmEngine(options(decode.url, "decode"));
    const { pairing } = first;
    if (pairing?.kind !== "in-turn") throw new Error("vLLM pairs in turn");
    const prefilled = pairing.prefillBody("/v1/chat/completions", Buffer.from(CHAT)) ?? EMPTY;
    const answer = await respond(first, first.shards[0], post(prefilled));
    expect(answer.status).toBe(200);
    const added = pairing.decodeFields(Buffer.from(answer.text));
    if (added === null) throw new Error("the answer says where the cache is");
    const decoded = { ...post(Buffer.from(CHAT)), added };
    const stream = await respond(second, second.shards[0], decoded);
    expect(stream.text.match(/"content":"w/g)).toHaveLength(4);
    // The cache is fetched only once.
    expect((await respond(second, second.shards[0], decoded)).status).toBe(400);
    await Promise.all([first.close(), second.close()]);
  });

  const PREFILL = {
    stream: false,
    ignore_eos: true,
    store: false,
    max_tokens: 1,
    max_completion_tokens: 1,
    max_output_tokens: 1,
    kv_transfer_params: {
      do_remote_decode: true,
      do_remote_prefill: false,
      remote_engine_id: null,
      remote_block_ids: null,
      remote_host: null,
      remote_port: null,
    },
  };

  test("a prefill is one token, not streamed, and loses what is for the decode", () => {
    const body = Buffer.from(
      JSON.stringify({
        model: "m",
        stream: true,
        stream_options: { include_usage: true },
        min_tokens: 5,
        max_output_tokens: 9,
        n: 1,
        stop: ["}"],
        logprobs: true,
        top_logprobs: 3,
        response_format: { type: "json_object" },
        structured_outputs: { choice: ["a"] },
        kv_transfer_params: { remote_host: "evil" },
        prompt: "x",
        temperature: 0.5,
      }),
    );
    expect(JSON.parse(text(kvTransfer.prefillBody("/v1/completions", body) ?? EMPTY))).toEqual({
      model: "m",
      prompt: "x",
      temperature: 0.5,
      ...PREFILL,
    });
  });

  test.each([
    ["/v1/chat/completions", "required", "none"],
    ["/v1/chat/completions", { type: "function", function: { name: "f" } }, "none"],
    ["/v1/chat/completions", "auto", "auto"],
    ["/v1/chat/completions", "none", "none"],
    ["/v1/messages", { type: "any" }, { type: "none" }],
  ])("%s: no tool call is read out of one token: %j becomes %j", (path, choice, prefilled) => {
    const body = Buffer.from(JSON.stringify({ tools: [{ name: "f" }], tool_choice: choice }));
    expect(JSON.parse(text(kvTransfer.prefillBody(path, body) ?? EMPTY))).toEqual({
      tools: [{ name: "f" }],
      tool_choice: prefilled,
      ...PREFILL,
    });
  });

  test("what a model's prompt contains goes to both servers", () => {
    const prompted = {
      model: "moonshotai/Kimi-K3",
      tool_choice: "required",
      response_format: { type: "text" },
    };
    const body = Buffer.from(JSON.stringify(prompted));
    expect(JSON.parse(text(kvTransfer.prefillBody("/v1/chat/completions", body) ?? EMPTY))).toEqual({
      ...prompted,
      ...PREFILL,
    });
  });

  test.each([
    { n: 2 },
    { best_of: 3 },
    { prompt: ["a", "b"] },
    { prompt: [[1, 2], [3]] },
    { echo: true },
    { prompt_logprobs: 0 },
    { use_beam_search: true },
    { previous_response_id: "resp_1" },
    { background: true },
  ])("what one cache does not serve is the decode's alone: %j", (fields) => {
    expect(kvTransfer.prefillBody("/v1/completions", Buffer.from(JSON.stringify(fields)))).toBeNull();
  });

  test.each([
    { n: 1 },
    { prompt: "a" },
    { prompt: [1, 2] },
    { prompt: ["a, b"] },
    { prompt: [[1, 2]] },
    { echo: false },
  ])("what it serves is not: %j", (fields) => {
    expect(kvTransfer.prefillBody("/v1/completions", Buffer.from(JSON.stringify(fields)))).not.toBeNull();
  });

  test("a decode is told where the cache is, as the prefill's answer says it", () => {
    // As vLLM 0.32.0 answers with its NIXL connector.
    const parameters =
      '{"do_remote_prefill":true,"do_remote_decode":false,"remote_block_ids":[[10]],"remote_engine_id":"5b69bc99-d920-4672-ad40-c04d8b486918","remote_request_id":"chatcmpl-84e85320469740ce-9cb91746","remote_host":"localhost","remote_port":15601,"tp_size":1,"dcp_size":1,"pp_size":1,"remote_num_tokens":15,"remote_blocks_expiry_time":null,"transfer_mode":"pull","remote_prefill_cached_tokens":0}';
    const answer = Buffer.from(
      `{"id":"chatcmpl-84e85320469740ce","kv_transfer_params":${parameters},"ec_transfer_params":null,"metrics":null}`,
    );
    expect(kvTransfer.decodeFields(answer)).toBe(`"kv_transfer_params":${parameters}`);
  });

  test.each(["", "null", "[]", "{}", '{"kv_transfer_params":null}', '{"kv_transfer_params":3}'])(
    "an answer that does not say where the cache is: %s",
    (answer) => {
      expect(kvTransfer.decodeFields(Buffer.from(answer))).toBeNull();
    },
  );
});

describe("sglang: together", () => {
  let prefill: FakeServer;
  let decode: FakeServer;
  beforeAll(async () => {
    [prefill, decode] = await Promise.all([startFake("sglang"), startFake("sglang")]);
  });
  afterAll(() => Promise.all([prefill.kill(), decode.kill()]));

  test("both meet in the bootstrap room they were given", async () => {
    const bootstrapPorts = [Number(new URL(prefill.url).port)];
    const first = sglangEngine({ ...options(prefill.url, "prefill"), bootstrapPorts });
    const second = sglangEngine({ ...options(decode.url, "decode"), bootstrapPorts: [] });
    expect(second.pairing).toBeUndefined();
    const { pairing } = first;
    if (pairing?.kind !== "together") throw new Error("SGLang pairs together");
    const pair = pairing.pair(Buffer.from(CHAT), undefined, 0, Number.MAX_SAFE_INTEGER);
    const [one, two] = await Promise.all([
      respond(first, first.shards[0], post(pair.prefillBody)),
      respond(second, second.shards[0], { ...post(Buffer.from(CHAT)), added: pair.decodeFields }),
    ]);
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(two.text.match(/"content":"w/g)).toHaveLength(4);
    await Promise.all([first.close(), second.close()]);
  });

  test("what is added names host, port, bootstrap room, and the rank where ranks are distinguished", () => {
    const urls = ["http://10.0.0.1:30000", "http://[fd00::2]:30000/base"];
    const whole = bootstrap({ urls, dataParallelSize: 1, bootstrapPorts: [8998, 8999] });
    expect(whole.pair(Buffer.from("{}"), [], 1, 77).decodeFields).toBe(
      '"bootstrap_host":"[fd00::2]","bootstrap_port":8999,"bootstrap_room":77',
    );
    const ranked = bootstrap({ urls, dataParallelSize: 4, bootstrapPorts: [8998, 8999] });
    // Rank 2 of the second server; the bootstrap room leaves 2 over, as versions without the last field expect.
    const meeting =
      '"bootstrap_host":"[fd00::2]","bootstrap_port":8999,"bootstrap_room":78,"disagg_prefill_dp_rank":2';
    const streamed = Buffer.from('{"a":1,"stream":true,"stream_options":{"include_usage":true}}');
    const { prefillBody, decodeFields } = ranked.pair(streamed, undefined, 6, 77);
    expect(text(prefillBody)).toBe(`{"a":1,"stream":false,${meeting}}`);
    expect(decodeFields).toBe(meeting);
  });

  const grammar = "x".repeat(70_000);
  test.each([
    '{"n":2}',
    '{"sampling_params":{"n":3}}',
    // Too long to be read: that they name it at all is enough.
    `{"sampling_params":{"regex":"${grammar}","n":1}}`,
    `{"sampling_params":{"regex":"${grammar}","\\u006e":3}}`,
  ])("what would meet in one bootstrap room is refused", (body) => {
    const { pair } = bootstrap({ urls: ["http://a"], dataParallelSize: 1, bootstrapPorts: [1] });
    expect(() => pair(Buffer.from(body), undefined, 0, 1)).toThrow(Unpairable);
  });

  test.each(['{"n":1,"sampling_params":{"n":1}}', `{"sampling_params":{"regex":"${grammar}"}}`])(
    "one answer is paired",
    (body) => {
      const { pair } = bootstrap({ urls: ["http://a"], dataParallelSize: 1, bootstrapPorts: [1] });
      expect(() => pair(Buffer.from(body), undefined, 0, 1)).not.toThrow();
    },
  );
});
