import { once } from "node:events";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Address } from "../gateway/load.ts";
import { MODEL, PROBES } from "../gateway/mock-answers.ts";
import { type EngineSettings, ModelEngine } from "./model-engine.ts";
import { tokenized } from "./prompt-blocks.ts";

const HOST = "127.0.0.1";
const KEEP_ALIVE_MS = 600_000;
/** All other routes that take a body are not there. */
const COMPLETIONS = "/v1/chat/completions";

interface Body {
  readonly messages: readonly { readonly content: string }[];
  readonly max_tokens?: number;
  /** Its name where routers write the body anew. */
  readonly max_completion_tokens?: number;
  readonly stream?: boolean;
}

interface Answer {
  readonly response: ServerResponse;
  readonly streamed: boolean;
  made: number;
}

/** A model engine as an HTTP server: its steps take the time they say, by the clock; it computes nothing. */
export class EngineServer {
  readonly engine: ModelEngine;
  readonly #answers = new Map<number, Answer>();
  #server: Server | null = null;
  #port = 0;
  #nextId = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: EngineSettings) {
    this.engine = new ModelEngine(settings);
  }

  /** Where it listens; the same after it has stopped and begun again. */
  get address(): Address {
    return { host: HOST, port: this.#port };
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // A connection that is closed as its next request comes would count as a failure of the router's.
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.listen(this.#port, HOST);
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** As where its process is killed. */
  async stop(): Promise<void> {
    if (this.#server === null) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.engine.stop();
    this.#answers.clear();
    this.#server.closeAllConnections();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = this.#server = null;
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method === "POST" && request.url === COMPLETIONS)
        this.#take(Buffer.concat(await request.toArray()), response);
      else if (request.url === "/metrics") this.#metrics(response);
      else this.#probe(request.url ?? "", response);
    } catch {
      // The client has left in the midst of its body.
      response.destroy();
    }
  }

  /** What else routers ask, as vLLM and SGLang answer it. */
  #probe(path: string, response: ServerResponse): void {
    const answer = PROBES[path];
    if (answer === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(bodyOf(answer));
  }

  #metrics(response: ServerResponse): void {
    const { load, settings } = this.engine;
    const { blockTokens, cacheTokens } = settings;
    const labels = `engine="0",model_name="${MODEL}"`;
    const blocks = Math.floor(cacheTokens / blockTokens);
    const config = `block_size="${blockTokens}",cache_dtype="auto",${labels},num_gpu_blocks="${blocks}"`;
    const text = [
      `vllm:num_requests_running{${labels}} ${load.running}`,
      `vllm:num_requests_waiting{${labels}} ${load.waiting}`,
      `vllm:kv_cache_usage_perc{${labels}} ${load.kvUse}`,
      `vllm:cache_config_info{${config}} 1.0`,
    ];
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(`${text.join("\n")}\n`);
  }

  #take(bytes: Buffer, response: ServerResponse): void {
    const { messages, stream = false, ...limits } = JSON.parse(bytes.toString()) as Body;
    const outputTokens = limits.max_completion_tokens ?? limits.max_tokens ?? 1;
    const id = this.#nextId++;
    this.#answers.set(id, { response, streamed: stream, made: 0 });
    response.once("close", () => {
      if (!this.#answers.delete(id)) return;
      this.engine.drop(id);
    });
    if (stream) {
      response.writeHead(200, STREAM_HEADERS);
      response.flushHeaders();
    }
    const prompt = tokenized(messages, this.engine.settings.blockTokens);
    this.engine.submit({ id, outputTokens, ...prompt }, performance.now());
    this.#wait();
  }

  /** Until the step that runs is over. */
  #wait(): void {
    if (this.#timer !== null || this.engine.stepEndsMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        while (this.engine.stepEndsMs <= performance.now()) this.#endStep();
        this.#wait();
      },
      Math.max(0, this.engine.stepEndsMs - performance.now()),
    );
  }

  #endStep(): void {
    const { tokens, done } = this.engine.endStep();
    for (const id of tokens) {
      const answer = this.#answers.get(id);
      if (answer?.streamed === true) answer.response.write(frame(answer.made++));
    }
    for (const id of done) {
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (answer?.streamed === true) answer.response.end("data: [DONE]\n\n");
      else answer?.response.writeHead(200, { "content-type": "application/json" }).end(WHOLE);
    }
  }
}

const STREAM_HEADERS = { "content-type": "text/event-stream; charset=utf-8" };
const WHOLE = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: MODEL,
  choices: [{ index: 0, message: { role: "assistant", content: "la" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

function frame(token: number): string {
  const delta = token === 0 ? { role: "assistant", content: "la" } : { content: " la" };
  const choice = { index: 0, delta, finish_reason: null };
  const event = {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: MODEL,
    choices: [choice],
  };
  return `data: ${JSON.stringify(event)}\n\n`;
}

/** Of a message with its head. */
function bodyOf(message: Buffer): Buffer {
  return message.subarray(message.indexOf("\r\n\r\n") + 4);
}
