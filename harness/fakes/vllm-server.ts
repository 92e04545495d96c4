/**
 * vLLM's way with health, metrics, ORCA, data-parallel ranks and the hand-over of caches, over the common fake:
 * `node vllm-server.ts PORT`. Each prefill's cache is kept until a decode, of this server or another, has fetched it.
 */
import type { ServerResponse } from "node:http";
import { type OwnAnswer, isThere, json, serveEngine } from "./engine-server.ts";
import { answeredByState, recorded, state, reply, withMetric } from "./fake-state.ts";

const METRICS = recorded("vllm-0.10-metrics.txt");
const caches = new Set<string>();
let prefills = 0;

interface Body {
  model: string;
  stream?: boolean;
  max_tokens?: number;
  stream_options?: unknown;
  safety_identifier?: string;
  kv_transfer_params?: Record<string, unknown>;
}

const own: OwnAnswer = async (request, body, response) => {
  if (answeredByState(request, body, response)) return true;
  const path = request.url ?? "";
  if (path === "/metrics") {
    reply(response, metrics());
    return true;
  }
  if (path.startsWith("/fake/cache/")) {
    response.writeHead(caches.delete(path.slice("/fake/cache/".length)) ? 200 : 404).end();
    return true;
  }
  if (request.headers["endpoint-load-metrics-format"] === "JSON") {
    const report = { named_metrics: { kv_cache_usage_perc: 0.4, num_requests_waiting: 0.0 } };
    response.setHeader("endpoint-load-metrics", `JSON ${JSON.stringify(report)}`);
  }
  return request.method === "POST" && handOver(JSON.parse(body.toString()) as Body, response);
};

const port = await serveEngine(own);

function metrics(): string {
  const withRanks = (name: string, value: (rank: (typeof state.ranks)[number]) => number) => (text: string) =>
    withMetric(text, name, "engine", state.ranks.map(value));
  return [
    withRanks("vllm:num_requests_running", ({ running }) => running),
    withRanks("vllm:num_requests_waiting", ({ waiting }) => waiting),
    withRanks("vllm:kv_cache_usage_perc", ({ kvUse }) => kvUse),
  ].reduce((text, replaceRanks) => replaceRanks(text), METRICS);
}

/** A prefill is answered here; a decode only when its cache is where its request says. */
async function handOver(body: Body, response: ServerResponse): Promise<boolean> {
  const parameters = body.kv_transfer_params;
  if (parameters === undefined || body.safety_identifier === "error") return false;
  const refuse = (message: string) => {
    json(response, 400, { error: { message, type: "BadRequestError", param: null, code: 400 } });
    return true;
  };
  if (parameters["do_remote_decode"] === true) {
    if (body.stream !== false || body.max_tokens !== 1 || body.stream_options !== undefined) {
      return refuse("a prefill makes one token and is not streamed");
    }
    const id = `engine-${++prefills}`;
    caches.add(id);
    json(response, 200, {
      id: "cmpl-1",
      object: "chat.completion",
      model: body.model,
      choices: [{ index: 0, message: { role: "assistant", content: "w" }, finish_reason: "length" }],
      kv_transfer_params: {
        do_remote_prefill: true,
        do_remote_decode: false,
        remote_block_ids: [[7, 8, 9]],
        remote_engine_id: id,
        remote_host: "127.0.0.1",
        remote_port: port,
        tp_size: 1,
      },
    });
    return true;
  }
  const { remote_host: host, remote_port: remotePort, remote_engine_id: id } = parameters;
  const cache = `http://${String(host)}:${String(remotePort)}/fake/cache/${String(id)}`;
  return (await isThere(cache)) ? false : refuse("the prefill's cache is not there");
}
