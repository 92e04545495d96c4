import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { API_ROUTES } from "../../src/serving/request/api-routes.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { runs } from "../runs.ts";

const PREFILLED = { kv_transfer_params: { remote_host: "10.0.0.1", remote_port: 1 }, choices: [] };
/** What a client would have a decode server fetch. */
const THEIRS = "169.254.169.254";
const BODY = JSON.stringify({
  model: "small",
  messages: [{ role: "user", content: "x" }],
  bootstrap_host: THEIRS,
  bootstrap_room: 1,
  kv_transfer_params: { remote_host: THEIRS, do_remote_prefill: true },
});

const generating = API_ROUTES.filter((route) => route.generates).map(({ path }) => path);

/** One character of a path, as it is or in another way to write it. */
function written(character: string): fc.Arbitrary<string> {
  const hex = character.charCodeAt(0).toString(16);
  const encoded = `%${hex}`;
  return fc.oneof(
    { weight: 20, arbitrary: fc.constant(character) },
    { weight: 2, arbitrary: fc.constantFrom(encoded, encoded.toUpperCase()) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        character.toUpperCase(),
        `%25${hex}`,
        `${character}/`,
        `${character}/.`,
        `/..${character}`,
        `${character};`,
        `${character}%00`,
        `${character}%c0%af`,
        "",
      ),
    },
  );
}

const target = fc
  .tuple(
    fc.constantFrom("", "", "", "/", "http://elsewhere.example", "HTTP://x:1", "//x"),
    fc.constantFrom(...generating).chain((path) => fc.tuple(...path.split("").map(written))),
    fc.constantFrom(
      "",
      "",
      "?",
      "?a=1",
      "#x",
      "#?a",
      "?a#b",
      "/",
      "%20",
      "%3f",
      "%23",
      ";a=b",
      "?/v1/embeddings",
      "#/../x",
    ),
  )
  .map(([before, path, after]) => before + path.join("") + after);

describe.each(["vllm", "sglang"])("%s", (kind) => {
  let prefill: RecordingEngine;
  let decode: RecordingEngine;
  let gateway: RunningGateway;
  beforeAll(async () => {
    prefill = await recordingEngine((_, response) => response.end(JSON.stringify(PREFILLED)));
    decode = await recordingEngine((_, response) => response.end("{}"));
    gateway = await startGateway(`pools:
  - name: chat
    kind: ${kind}
    models: [small]
    prefill: { urls: [${prefill.url}] }
    decode: { urls: [${decode.url}] }`);
  });
  afterAll(async () => {
    await gateway.stop();
    await prefill[Symbol.asyncDispose]();
    await decode[Symbol.asyncDispose]();
  });

  async function ask(path: string): Promise<number> {
    prefill.clear();
    decode.clear();
    const { socket, closed } = await rawClient(gateway.url);
    socket.write(wireRequest(path, BODY, ["connection: close"]), "latin1");
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await closed)?.[1]);
  }

  /** Both legs went to one path, the API's own, and nothing of what the client says of them is left. */
  function expectPair(): void {
    expect([prefill.recorded.length, decode.recorded.length]).toEqual([1, 1]);
    const paths = [prefill, decode].map(({ recorded }) => recorded[0].url.split("?", 1)[0]);
    expect(generating).toContain(paths[0]);
    expect(paths[1]).toBe(paths[0]);
    expect(last(decode)).not.toContain(THEIRS);
  }

  /** Where a decode server is to fetch the cache: the last of a name counts. */
  function last(engine: RecordingEngine): string {
    const { bootstrap_host, kv_transfer_params } = JSON.parse(engine.recorded[0].body.toString()) as {
      bootstrap_host?: string;
      kv_transfer_params?: object;
    };
    return JSON.stringify(kind === "sglang" ? bootstrap_host : kv_transfer_params);
  }

  test.each(generating.flatMap((path) => [path, `${path}?x=1`, `${path}#x`, path.replace(/e/g, "%65")]))(
    "POST %s is sent to a pair",
    async (path) => {
      expect(await ask(path)).toBe(200);
      expectPair();
    },
  );

  test("whatever way it is written, a path that generates is sent to a pair, or to nobody", async () => {
    await fc.assert(
      fc.asyncProperty(target, async (path) => {
        const status = await ask(path);
        if (status === 200) return expectPair();
        expect([400, 404]).toContain(status);
        expect([...prefill.recorded, ...decode.recorded]).toEqual([]);
      }),
      { seed: 13, numRuns: runs(250) },
    );
  });

  test("what a browser asks first is no prefill", async () => {
    prefill.clear();
    decode.clear();
    const headers = { origin: "http://a", "access-control-request-method": "POST" };
    await fetch(`${gateway.url}/v1/chat/completions`, { method: "OPTIONS", headers });
    expect(prefill.recorded).toEqual([]);
    expect(decode.recorded.map(({ method, url }) => [method, url])).toEqual([
      ["OPTIONS", "/v1/chat/completions"],
    ]);
  });
});
