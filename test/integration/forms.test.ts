import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";

let engines: RecordingEngine[];
let gateway: RunningGateway;
beforeAll(async () => {
  engines = await Promise.all(
    ["asr", "painter"].map((id) => recordingEngine((_, response) => response.end("{}"), [id])),
  );
  gateway = await startGateway(`pools:
  - { name: one, kind: openai, models: [asr], urls: [${engines[0].url}] }
  - { name: two, kind: openai, models: [painter], urls: [${engines[1].url}] }`);
});
beforeEach(() => {
  for (const engine of engines) engine.clear();
});
afterAll(async () => {
  await gateway.stop();
  for (const engine of engines) await engine[Symbol.asyncDispose]();
});

function upload(
  path: string,
  body: FormData | string | null,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(gateway.url + path, { method: "POST", body, headers });
}

function form(model: string | null): FormData {
  const fields = new FormData();
  fields.set("file", new Blob([Buffer.alloc(200_000, "\r\n--")]), "a.wav");
  if (model !== null) fields.set("model", model);
  return fields;
}

test.each([
  ["/v1/audio/transcriptions", "asr", 0],
  ["/v1/audio/translations", "asr", 0],
  ["/v1/images/edits", "painter", 1],
  ["/v1/images/variations", "painter", 1],
])("a form for %s reaches the pool of its model byte for byte", async (path, model, pool) => {
  const request = new Request(gateway.url + path, { method: "POST", body: form(model) });
  const bytes = Buffer.from(await request.clone().arrayBuffer());
  expect((await fetch(request)).status).toBe(200);
  const [seen] = engines[pool].recorded;
  expect(seen.body.equals(bytes)).toBe(true);
  expect(seen.headers["content-type"]).toBe(request.headers.get("content-type"));
  expect(engines[1 - pool].recorded).toEqual([]);
});

test("the same route takes JSON", async () => {
  const headers = { "content-type": "application/json" };
  expect((await upload("/v1/images/edits", '{"model":"painter"}', headers)).status).toBe(200);
  expect(engines[1].recorded.length).toBe(1);
});

test.each([
  ["no model, where there are two", form(null), {}, 400, "invalid_request"],
  ["a model that nobody serves", form("nope"), {}, 404, "model_not_found"],
  [
    "a form that does not end",
    "--b\r\n",
    { "content-type": "multipart/form-data; boundary=b" },
    400,
    "invalid_request",
  ],
  ["a form without a boundary", "--b--", { "content-type": "multipart/form-data" }, 400, "invalid_request"],
])("%s is refused", async (_, body, headers, status, reason) => {
  const response = await upload("/v1/audio/transcriptions", body, headers);
  expect([response.status, await response.json()]).toMatchObject([status, { error: { reason } }]);
  expect(engines.flatMap(({ recorded }) => recorded)).toEqual([]);
});
