import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootstrap } from "../../src/engines/sglang/bootstrap.ts";
import { sglangEngine } from "../../src/engines/sglang/sglang-engine.ts";
import { kvTransfer } from "../../src/engines/vllm/kv-transfer.ts";
import { vllmEngine } from "../../src/engines/vllm/vllm-engine.ts";
import type { EngineRequest } from "../../src/serving/engine.ts";
import { respond } from "../engine-response.ts";
import { type FakeServer, startFake } from "../fakes/start-openai-server.ts";

const timeouts = { connectTimeoutMs: 1000, headTimeoutMs: 9000, idleTimeoutMs: 9000, connections: 0 };
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
    const answer = await respond(first, first.shards[0], post(pairing.prefillBody(Buffer.from(CHAT))));
    expect(answer.status).toBe(200);
    const body = pairing.decodeBody(Buffer.from(CHAT), Buffer.from(answer.text));
    if (body === null) throw new Error("the answer says where the cache is");
    const stream = await respond(second, second.shards[0], post(body));
    expect(stream.text.match(/"content":"w/g)).toHaveLength(4);
    // The cache is fetched only once.
    expect((await respond(second, second.shards[0], post(body))).status).toBe(400);
    await Promise.all([first.close(), second.close()]);
  });

  test("a prefill is one token, not streamed, and loses what does not go with that", () => {
    const body = Buffer.from(
      '{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true},"min_tokens":5,"max_output_tokens":9,"kv_transfer_params":{"remote_host":"evil"}}',
    );
    expect(JSON.parse(text(kvTransfer.prefillBody(body)))).toEqual({
      model: "m",
      prompt: "x",
      stream: false,
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
    });
  });

  test("a decode's body is the client's, byte for byte, with where the cache is at its end", () => {
    // As vLLM 0.32.0 answers with its NIXL connector.
    const parameters =
      '{"do_remote_prefill":true,"do_remote_decode":false,"remote_block_ids":[[10]],"remote_engine_id":"5b69bc99-d920-4672-ad40-c04d8b486918","remote_request_id":"chatcmpl-84e85320469740ce-9cb91746","remote_host":"localhost","remote_port":15601,"tp_size":1,"dcp_size":1,"pp_size":1,"remote_num_tokens":15,"remote_blocks_expiry_time":null,"transfer_mode":"pull","remote_prefill_cached_tokens":0}';
    const answer = Buffer.from(
      `{"id":"chatcmpl-84e85320469740ce","kv_transfer_params":${parameters},"ec_transfer_params":null,"metrics":null}`,
    );
    const body = kvTransfer.decodeBody(Buffer.from(`${CHAT.slice(0, -1)}  }\n`), answer);
    const added = `"kv_transfer_params":${parameters}`;
    expect(body === null ? null : text(body)).toBe(`${CHAT.slice(0, -1)}  ,${added}}\n`);
  });

  test.each(["", "null", "[]", "{}", '{"kv_transfer_params":null}', '{"kv_transfer_params":3}'])(
    "an answer that does not say where the cache is: %s",
    (answer) => {
      expect(kvTransfer.decodeBody(Buffer.from("{}"), Buffer.from(answer))).toBeNull();
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

  test("both meet in the room they were given", async () => {
    const bootstrapPorts = [Number(new URL(prefill.url).port)];
    const first = sglangEngine({ ...options(prefill.url, "prefill"), bootstrapPorts });
    const second = sglangEngine({ ...options(decode.url, "decode"), bootstrapPorts: [] });
    expect(second.pairing).toBeUndefined();
    const { pairing } = first;
    if (pairing?.kind !== "together") throw new Error("SGLang pairs together");
    const request = post(pairing.body(Buffer.from(CHAT), 0, Number.MAX_SAFE_INTEGER));
    const [one, two] = await Promise.all([
      respond(first, first.shards[0], request),
      respond(second, second.shards[0], request),
    ]);
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(two.text.match(/"content":"w/g)).toHaveLength(4);
    await Promise.all([first.close(), second.close()]);
  });

  test("what is added tells host, port, room, and the rank where ranks are told apart", () => {
    const urls = ["http://10.0.0.1:30000", "http://[fd00::2]:30000/base"];
    const whole = bootstrap({ urls, dataParallelSize: 1, bootstrapPorts: [8998, 8999] });
    expect(text(whole.body(Buffer.from("{}"), 1, 77))).toBe(
      '{"bootstrap_host":"[fd00::2]","bootstrap_port":8999,"bootstrap_room":77}',
    );
    const ranked = bootstrap({ urls, dataParallelSize: 4, bootstrapPorts: [8998, 8999] });
    // Rank 2 of the second server; the room leaves 2 over, as versions without the last field expect.
    expect(text(ranked.body(Buffer.from('{"a":1}'), 6, 77))).toBe(
      '{"a":1,"bootstrap_host":"[fd00::2]","bootstrap_port":8999,"bootstrap_room":78,"disagg_prefill_dp_rank":2}',
    );
  });
});
