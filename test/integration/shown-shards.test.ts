import { afterAll, beforeAll, expect, test } from "vitest";
import { ProxyClient } from "../../harness/envoy/proxy-client.ts";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { keyHash } from "../../src/config/operator-key.ts";
import { CHAT, chatBody, chatHeaders, streamHeaders } from "../picker-case.ts";

const KEY = "sk-0123456789abcdef0123";
const KEYS = `access: { keys: { a: { hash: "sha256:${keyHash(KEY)}" } } }`;

let servers: readonly ServerAt[];
beforeAll(async () => {
  servers = await Promise.all(
    [0, 1].map(() =>
      serverAt("127.0.0.1", 0, (_, response) => response.end('{"id":"c","object":"text_completion"}')),
    ),
  );
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
});

const urlOf = ({ port }: ServerAt) => `http://127.0.0.1:${port}`;

function config(settings: string, urls = servers.map(urlOf)): string {
  return `${settings}
pools: [{ name: p, kind: vllm, policy: round-robin, models: [m], dataParallelSize: 2, urls: [${urls.join(", ")}] }]`;
}

const authorization = `Bearer ${KEY}`;

/** Who answers, as clients are told, of some requests in turn. */
async function told({ url }: RunningGateway, route = "/v1/completions"): Promise<string[]> {
  const shards: string[] = [];
  for (let i = 0; i < 4; i++) {
    const body = '{"model":"m","prompt":"x","input":"x"}';
    const here = url.replace("0.0.0.0", "127.0.0.1");
    const answer = await fetch(here + route, { method: "POST", headers: { authorization }, body });
    await answer.arrayBuffer();
    shards.push(`${answer.status} ${answer.headers.get("x-plimsoll-shard")}`);
  }
  return shards.toSorted();
}

const PLACES = ["200 p/0@0", "200 p/0@1", "200 p/1@0", "200 p/1@1"];
const urls = () =>
  servers.flatMap((server) => [0, 1].map((rank) => `200 p/${urlOf(server)}@${rank}`)).toSorted();

test.each([
  ["clients show keys", KEYS, PLACES],
  ["others are listened to", 'http: { host: "0.0.0.0" }\naccess: { anonymous: true }', PLACES],
  ["it is said", "http: { showServers: false }", PLACES],
  ["nothing is said, on this machine", "", null],
  ["it is said, with keys", `http: { showServers: true }\n${KEYS}`, null],
])("where %s, clients are told of servers what they may know", async (_, settings, expected) => {
  const gateway = await startGateway(config(settings));
  try {
    expect(await told(gateway)).toEqual(expected ?? urls());
  } finally {
    await gateway.stop();
  }
});

test("a route without ranks, a reload, keys that come and go", async () => {
  const gateway = await startGateway(config(KEYS));
  try {
    expect(new Set(await told(gateway, "/v1/embeddings"))).toEqual(new Set(["200 p/0", "200 p/1"]));
    await gateway.reload(config(KEYS, [urlOf(servers[1])]));
    expect(new Set(await told(gateway))).toEqual(new Set(["200 p/0@0", "200 p/0@1"]));
    await gateway.reload(config(""));
    expect(await told(gateway)).toEqual(urls());
  } finally {
    await gateway.stop();
  }
});

test("what a proxy's clients are told", async () => {
  const gateway = await startGateway(config(`picker: { port: 0 }\n${KEYS}`));
  const proxy = new ProxyClient(gateway.picker as string);
  try {
    const stream = proxy.begin().say(chatHeaders(["authorization", authorization]), chatBody(CHAT));
    await stream.answers(2);
    const [, , head] = await stream.say(streamHeaders()).answers(3);
    expect(head.set["x-plimsoll-shard"]).toMatch(/^p\/\d@\d$/);
  } finally {
    proxy.close();
    await gateway.stop();
  }
});
