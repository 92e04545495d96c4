import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { type AnswerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { startGateway } from "../../harness/fakes/start-gateway.ts";

const RANKS = 4;
const HEADER = "x-data-parallel-rank";

/** Which rank a version of an engine runs a request on; null where its own turn decides. */
type ReadRank = (request: IncomingMessage, body: Record<string, unknown>) => number | null;

const header: ReadRank = ({ headers }) => (headers[HEADER] === undefined ? null : Number(headers[HEADER]));
const field =
  (...names: readonly string[]): ReadRank =>
  (_, body) => {
    const name = names.find((one) => typeof body[one] === "number");
    return name === undefined ? null : (body[name] as number);
  };

const CHATS = ["/v1/chat/completions", "/v1/completions"];
/** As each version reads ranks, by route. */
const VERSIONS: readonly (readonly [
  version: string,
  kind: string,
  routes: readonly string[],
  read: ReadRank,
])[] = [
  ["SGLang 0.5.9", "sglang", ["/generate", ...CHATS], field("data_parallel_rank")],
  ["SGLang 0.5.16", "sglang", ["/generate"], field("routed_dp_rank")],
  ["SGLang 0.5.23", "sglang", ["/generate", "/v1/responses"], field("routed_dp_rank", "data_parallel_rank")],
  ["SGLang 0.5.23 by header", "sglang", [...CHATS, "/v1/responses", "/v1/messages"], header],
  ["vLLM 0.33", "vllm", [...CHATS, "/v1/responses", "/v1/messages"], header],
];

describe.each(VERSIONS)("%s", (_, kind, routes, read) => {
  test.each(routes)("%s runs where x-plimsoll-shard says", async (route) => {
    const ran: (number | null)[] = [];
    const answer: AnswerAt = (request, response, text) => {
      if (request.method === "POST") ran.push(read(request, JSON.parse(text) as Record<string, unknown>));
      response.end("{}");
    };
    await using server = await serverAt("127.0.0.1", 0, answer);
    const url = `http://127.0.0.1:${server.port}`;
    const gateway = await startGateway(
      `pools: [{ name: p, kind: ${kind}, policy: round-robin, models: [small], urls: [${url}], dataParallelSize: ${RANKS} }]`,
    );
    const told: number[] = [];
    for (let i = 0; i < RANKS; i++) {
      // What a client writes of ranks is the gateway's to read.
      const own = i % 2 === 0 ? {} : { routed_dp_rank: 2, data_parallel_rank: 2, disagg_prefill_dp_rank: 3 };
      const response = await fetch(gateway.url + route, {
        method: "POST",
        body: JSON.stringify({ model: "small", ...own }),
      });
      await response.text();
      told.push(Number(response.headers.get("x-plimsoll-shard")?.split("@")[1]));
    }
    expect(ran).toEqual(told);
    expect([told[1], told[3]]).toEqual([2, 2]);
    await gateway.stop();
  });
});

test.each(["sglang", "vllm"])("%s: routes that name no rank show the server", async (kind) => {
  await using server = await serverAt("127.0.0.1", 0);
  const url = `http://127.0.0.1:${server.port}`;
  const gateway = await startGateway(
    `pools: [{ name: p, kind: ${kind}, models: [small], urls: [${url}], dataParallelSize: ${RANKS} }]`,
  );
  const response = await fetch(`${gateway.url}/v1/embeddings`, { method: "POST", body: '{"model":"small"}' });
  await response.text();
  expect(response.headers.get("x-plimsoll-shard")).toBe(`p/${url}`);
  await gateway.stop();
});
