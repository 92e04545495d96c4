/** What every mock engine calls its model. */
export const MODEL = "mock-model";
/** Server-sent events of a streamed answer, the last of them `[DONE]`. */
export const STREAM_FRAMES = 128;

const CREATED = 1_750_000_000;
const ID = "chatcmpl-5f0c2a9e7b4d4b0c9a51d3e8f6a7b2c1";

/** The head and body of an answer in one piece. */
function whole(status: string, type: string, body: string): Buffer {
  return Buffer.from(
    `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

export const STREAM_HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n",
);

/** The events of a streamed answer as vLLM writes them, each a chunk; the last one ends the body too. */
export const STREAM_CHUNKS: readonly Buffer[] = Array.from({ length: STREAM_FRAMES }, (_, i) => {
  const last = i === STREAM_FRAMES - 1;
  const event = `data: ${last ? "[DONE]" : JSON.stringify(chunkOf(i))}\n\n`;
  return Buffer.from(`${event.length.toString(16)}\r\n${event}\r\n${last ? "0\r\n\r\n" : ""}`);
});

function chunkOf(i: number): object {
  const delta = i === 0 ? { role: "assistant", content: "" } : { content: ` token${i}` };
  const finish = i === STREAM_FRAMES - 2 ? "stop" : null;
  const choice = { index: 0, delta, logprobs: null, finish_reason: finish };
  return { id: ID, object: "chat.completion.chunk", created: CREATED, model: MODEL, choices: [choice] };
}

export const COMPLETION = json({
  id: ID,
  object: "chat.completion",
  created: CREATED,
  model: MODEL,
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: " token".repeat(STREAM_FRAMES), tool_calls: [] },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 32, completion_tokens: STREAM_FRAMES, total_tokens: 32 + STREAM_FRAMES },
});

/** What is asked of engines besides completions: readiness, models and load, as vLLM and SGLang tell them. */
export const PROBES: Readonly<Record<string, Buffer>> = {
  "/health": json({}),
  "/v1/models": json({
    object: "list",
    data: [{ id: MODEL, object: "model", created: CREATED, owned_by: "mock", max_model_len: 32_768 }],
  }),
  "/version": json({ version: "0.11.0" }),
  ...both("model_info", { model_path: MODEL, tokenizer_path: MODEL, is_generation: true }),
  ...both("server_info", { model_path: MODEL, served_model_name: MODEL, dp_size: 1, tp_size: 1 }),
  "/v1/loads": json({
    timestamp: "2026-01-01T00:00:00Z",
    version: "0.5.6",
    loads: [
      {
        dp_rank: 0,
        num_running_reqs: 0,
        num_waiting_reqs: 0,
        num_used_tokens: 0,
        max_total_num_tokens: 1_000_000,
        token_usage: 0,
        gen_throughput: 0,
      },
    ],
  }),
  "/metrics": whole(
    "200 OK",
    "text/plain; version=0.0.4; charset=utf-8",
    ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"]
      .map((name) => `# TYPE vllm:${name} gauge\nvllm:${name}{engine="0",model_name="${MODEL}"} 0\n`)
      .join(""),
  ),
};

export const NOT_FOUND = whole("404 Not Found", "application/json", '{"detail":"Not Found"}');

function json(value: object): Buffer {
  return whole("200 OK", "application/json", JSON.stringify(value));
}

/** Under the path it has now and the one it had. */
function both(name: string, value: object): Record<string, Buffer> {
  return { [`/${name}`]: json(value), [`/get_${name}`]: json(value) };
}
