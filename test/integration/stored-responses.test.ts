import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ResponseServer, responseServer } from "../../harness/fakes/response-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";

let servers: readonly ResponseServer[];
let gateway: RunningGateway;
/** Has not seen any response given. */
let other: RunningGateway;

beforeAll(async () => {
  servers = await Promise.all([responseServer("a"), responseServer("b"), responseServer("c")]);
  const urls = servers.map(({ url }) => url).join(", ");
  const yaml = `pools: [{ name: p, kind: openai, policy: round-robin, models: [m], urls: [${urls}] }]`;
  [gateway, other] = await Promise.all([startGateway(yaml), startGateway(yaml)]);
});
afterAll(async () => {
  await Promise.all([gateway.stop(), other.stop()]);
  await Promise.all(servers.map((server) => server.stop()));
});

async function ask(
  { url }: RunningGateway,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const response = await fetch(url + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

async function give(stream = false): Promise<string> {
  const { text } = await ask(gateway, "POST", "/v1/responses", { model: "m", input: "x", stream });
  return /"id":"(resp_[^"]+)"/.exec(text)?.[1] ?? "none";
}

describe.each([false, true])("a response that was given, streamed: %s,", (stream) => {
  test.each([
    ["that gave it", () => gateway],
    ["of another process", () => other],
  ])(
    "is gone on from, read, cancelled and deleted at its server, through the gateway %s",
    async (_, through) => {
      for (let i = 0; i < 6; i++) {
        const id = await give(stream);
        const follow = { model: "m", input: "y", previous_response_id: id };
        expect((await ask(through(), "POST", "/v1/responses", follow)).status).toBe(200);
        expect((await ask(through(), "GET", `/v1/responses/${id}`)).status).toBe(200);
        expect((await ask(through(), "POST", `/v1/responses/${id}/cancel`, {})).status).toBe(200);
        expect((await ask(through(), "GET", `/v1/responses/${id}/input_items`)).status).toBe(200);
        expect((await ask(through(), "DELETE", `/v1/responses/${id}`)).status).toBe(200);
      }
    },
  );
});

test("one that nobody has is an engine's 404, in its words, and every server was asked once", async () => {
  const before = servers.map(({ asked }) => asked.length);
  const { status, text } = await ask(other, "GET", "/v1/responses/resp_unknown");
  expect([status, text]).toEqual([
    404,
    expect.stringContaining("Response with id 'resp_unknown' not found."),
  ]);
  const lookedFor = servers.map(
    ({ asked }, i) =>
      asked.slice(before[i]).filter((line) => line === "GET /v1/responses/resp_unknown").length,
  );
  // One of them gave the answer.
  expect(lookedFor.toSorted((a, b) => a - b)).toEqual([1, 1, 2]);
  expect(
    (await ask(other, "POST", "/v1/responses", { model: "m", input: "x", previous_response_id: "resp_no" }))
      .status,
  ).toBe(404);
});
