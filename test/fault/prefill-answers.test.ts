import { describe, expect, test } from "vitest";
import { type AnswerAt, type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

const LOADS =
  '{"loads":[{"dp_rank":0,"num_running_reqs":0,"num_waiting_reqs":0,"token_usage":0,"max_total_num_tokens":1000}]}';
const WHERE = '{"id":"p","kv_transfer_params":{"remote_host":"h","remote_block_ids":[1]}}';

type Body = Record<string, unknown>;
/** What a server does with a request that generates. @returns status and body; null to answer nothing */
type Play = (body: Body) => readonly [status: number, body: string] | null;

interface Pair {
  readonly gateway: RunningGateway;
  readonly prefills: Body[];
  readonly decodes: Body[];
}

/** One server that prefills and one that decodes, which do as told. */
async function withPair(
  kind: "vllm" | "sglang",
  prefill: Play,
  decode: Play,
  check: (pair: Pair) => Promise<void>,
): Promise<void> {
  const prefills: Body[] = [];
  const decodes: Body[] = [];
  await using first = await playing(prefills, prefill);
  await using second = await playing(decodes, decode);
  const url = ({ port }: ServerAt) => `http://127.0.0.1:${port}`;
  const gateway = await startGateway(
    `pools: [{ name: p, kind: ${kind}, models: [small], prefill: { urls: [${url(first)}] }, decode: { urls: [${url(second)}] } }]`,
  );
  try {
    await check({ gateway, prefills, decodes });
    const { pools, deck } = gateway.app.gateway();
    await expect.poll(() => deck.admission.inFlight, patiently).toBe(0);
    const counts = [...pools[0].states.requests, ...(pools[0].prefill?.states.requests ?? [])];
    expect(counts).toEqual([0, 0]);
  } finally {
    await gateway.stop();
  }
}

function playing(seen: Body[], play: Play): Promise<ServerAt> {
  const answer: AnswerAt = (request, response, text) => {
    if (request.method !== "POST") return void response.end(request.url?.includes("loads") ? LOADS : "");
    const body = JSON.parse(text) as Body;
    seen.push(body);
    const played = play(body);
    if (played !== null) response.writeHead(played[0], { "content-type": "application/json" }).end(played[1]);
  };
  return serverAt("127.0.0.1", 0, answer);
}

function ask({ gateway }: Pair, body: object, path = "/v1/chat/completions"): Promise<Response> {
  return fetch(gateway.url + path, { method: "POST", body: JSON.stringify({ model: "small", ...body }) });
}

async function post(pair: Pair, body: object, path?: string) {
  const response = await ask(pair, body, path);
  return [response.status, await response.text()] as const;
}

function failures({ gateway }: Pair): unknown[] {
  const [pool] = gateway.app.gateway().pools;
  return [pool, pool.prefill].map((part) => part?.health.view(0).lastFailure);
}

const DONE = [200, '{"id":"d"}'] as const;

test("SGLang's prefill refuses: the client has its answer at once, though the decode waits for the cache", () =>
  withPair(
    "sglang",
    () => [400, '{"message":"too long"}'],
    () => null,
    async (pair) => {
      expect(await post(pair, { stream: true })).toEqual([400, '{"message":"too long"}']);
      expect(pair.decodes).toHaveLength(1);
      expect(failures(pair)).toEqual([null, null]);
    },
  ));

test.each(["vllm", "sglang"] as const)("%s's prefill refuses: it is named as who answered", (kind) =>
  withPair(
    kind,
    () => [400, "{}"],
    () => null,
    async (pair) => {
      const response = await ask(pair, { stream: true });
      expect(response.headers.get("x-plimsoll-shard")).toMatch(/^p\.prefill\//);
      await response.text();
    },
  ),
);

test("SGLang's prefill is not streamed, so that its status is its word", () =>
  withPair(
    "sglang",
    () => [200, "{}"],
    () => DONE,
    async (pair) => {
      expect(await post(pair, { stream: true, stream_options: { include_usage: true } })).toEqual(DONE);
      expect(pair.prefills[0]).toMatchObject({ stream: false });
      expect(pair.prefills[0]["stream_options"]).toBeUndefined();
      expect(pair.decodes[0]).toMatchObject({ stream: true, stream_options: { include_usage: true } });
      expect(pair.prefills[0]["bootstrap_room"]).toBe(pair.decodes[0]["bootstrap_room"]);
    },
  ));

test.each([{ n: 2 }, { sampling_params: { n: 2 } }])(
  "SGLang's pairs give one answer a request: %j is 400",
  (many) =>
    withPair(
      "sglang",
      () => [200, "{}"],
      () => DONE,
      async (pair) => {
        const [status, text] = await post(pair, many, "n" in many ? undefined : "/generate");
        expect([status, JSON.parse(text)]).toMatchObject([400, { error: { code: "invalid_request" } }]);
        expect([pair.prefills, pair.decodes]).toEqual([[], []]);
        expect(await post(pair, { n: 1 })).toEqual(DONE);
      },
    ),
);

describe("vLLM's prefill", () => {
  // As versions up to 0.17 do with one token of a call that must be, and with what one token cannot satisfy.
  const strict: Play = (body) => {
    const choice = body["tool_choice"];
    if (choice === "required" || typeof choice === "object") return [500, '{"error":"Invalid JSON"}'];
    const unfit = ["min_tokens", "stream_options", "response_format", "logprobs"].find(
      (name) => name in body,
    );
    if (unfit !== undefined || Number(body["n"] ?? 1) > 1) return [400, `{"error":"${unfit}"}`];
    return body["max_tokens"] === 1 ? [200, WHERE] : [400, '{"error":"not one token"}'];
  };

  test.each([
    { tools: [{ type: "function" }], tool_choice: "required" },
    { tools: [{ type: "function" }], tool_choice: { type: "function", function: { name: "f" } } },
    { min_tokens: 5, stop: ["x"] },
    { stream: true, stream_options: { include_usage: true } },
    { response_format: { type: "json_object" } },
    { logprobs: true, top_logprobs: 2 },
  ])("is not asked for what only the decode can do: %j", (fields) =>
    withPair(
      "vllm",
      strict,
      () => DONE,
      async (pair) => {
        expect(await post(pair, fields)).toEqual(DONE);
        expect(pair.prefills).toHaveLength(1);
        expect(pair.decodes[0]).toMatchObject({ ...fields, kv_transfer_params: { remote_host: "h" } });
      },
    ),
  );

  test.each([{ n: 3 }, { prompt: ["a", "b"] }])("is left out where one cache does not serve: %j", (fields) =>
    withPair(
      "vllm",
      strict,
      () => DONE,
      async (pair) => {
        expect(await post(pair, fields, "/v1/completions")).toEqual(DONE);
        expect(pair.prefills).toEqual([]);
        expect(pair.decodes).toEqual([{ model: "small", ...fields }]);
      },
    ),
  );

  test.each(['{"id":"p","kv_transfer_params":null}', "{}", "not JSON"])(
    "that keeps no cache (%s): the decode does the whole work",
    (answer) =>
      withPair(
        "vllm",
        () => [200, answer],
        () => DONE,
        async (pair) => {
          expect(await post(pair, { max_tokens: 9 })).toEqual(DONE);
          expect(pair.decodes).toEqual([{ model: "small", max_tokens: 9 }]);
          expect(failures(pair)).toEqual([null, null]);
        },
      ),
  );
});

test.each(["vllm", "sglang"] as const)(
  "%s: a body that is JSON only at its top level ends that request, and nothing else",
  (kind) =>
    withPair(
      kind,
      () => [200, WHERE],
      () => DONE,
      async (pair) => {
        const response = await fetch(`${pair.gateway.url}/v1/chat/completions`, {
          method: "POST",
          body: '{"model":"small","messages":[nonsense]}',
        });
        expect(response.status).toBe(400);
        await response.text();
        expect(await post(pair, {})).toEqual(DONE);
      },
    ),
);
