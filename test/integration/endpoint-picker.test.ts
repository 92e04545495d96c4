import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ProxyClient } from "../../harness/envoy/proxy-client.ts";
import { startIssuer } from "../../harness/fakes/issuer.ts";
import { serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, readConfig, startGateway } from "../../harness/fakes/start-gateway.ts";
import { keyHash } from "../../src/config/operator-key.ts";
import { CHAT, chatBody, chatHeaders, piece, streamHeaders } from "../picker-case.ts";

const CHAT_SMALL = CHAT.replace('"m"', '"small"');
const FULL_DUPLEX = 4;

/** A gateway with a picker in front of such servers, and a proxy's connection to it. */
async function picking(
  pool: string,
  settings = "",
): Promise<AsyncDisposable & { readonly gateway: RunningGateway; readonly proxy: ProxyClient }> {
  const gateway = await startGateway(`picker: { port: 0, endpoints: 2 }\n${settings}\npools: [${pool}]`);
  const proxy = new ProxyClient(gateway.picker as string);
  return {
    gateway,
    proxy,
    async [Symbol.asyncDispose]() {
      proxy.close();
      await gateway.stop();
    },
  };
}

test("a proxy is told the rank, in the words of its engine, and where it answers", async () => {
  await using one = await serverAt("127.0.0.1", 0);
  await using two = await serverAt("127.0.0.1", 0);
  const urls = `["http://localhost:${one.port}", "http://127.0.0.1:${two.port}"]`;
  const pool = `{ name: p, kind: sglang, policy: round-robin, models: [small], dataParallelSize: 2, urls: ${urls} }`;
  await using running = await picking(pool);
  const told: [string, string, string][] = [];
  for (let i = 0; i < 4; i++) {
    const stream = running.proxy.begin();
    const body = '{"model":"small","data_parallel_rank":7}';
    stream.say(
      chatHeaders(["content-length", `${body.length}`], ["x-data-parallel-rank", `${i}`]),
      chatBody(body),
    );
    const [head, sent] = await stream.answers(2);
    const { routed_dp_rank: rank, ...rest } = JSON.parse(sent.body as string) as Record<string, unknown>;
    expect(rest).toEqual({ model: "small", data_parallel_rank: rank });
    expect(head.set["content-length"]).toBe(`${(sent.body as string).length}`);
    told.push([head.endpoints as string, head.set["x-data-parallel-rank"] ?? "as it was", String(rank)]);
    expect(await stream.end()).toBe(0);
  }
  const [a, b] = [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`];
  // The rank that the client names counts over all servers; a server's own begin at 0 again.
  expect(told).toEqual([
    [a, "as it was", "0"],
    [a, "as it was", "1"],
    [b, "0", "0"],
    [b, "1", "1"],
  ]);
});

test("a server that does not answer its probes is not picked, and without any the picker is not ready", async () => {
  const kept = await serverAt("127.0.0.1", 0);
  await using running = await picking(
    `{ name: p, kind: openai, models: [small], urls: ["http://127.0.0.1:${kept.port}", "http://127.0.0.1:1"] }`,
    "health: { probe: { intervalMs: 20, timeoutMs: 200, unhealthyAfter: 1 } }",
  );
  const { proxy } = running;
  expect(await proxy.health("liveness")).toBe("SERVING");
  for (const service of ["", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor"])
    expect(await proxy.health(service)).toBe("SERVING");
  await expect(proxy.health("other")).rejects.toThrow(/NOT_FOUND/);
  const [head] = await proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL)).answers(1);
  expect(head.endpoints).toBe(`127.0.0.1:${kept.port}`);
  await kept[Symbol.asyncDispose]();
  await expect.poll(() => proxy.health("readiness")).toBe("NOT_SERVING");
  expect(await proxy.health("liveness")).toBe("SERVING");
  const refused = proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL));
  expect(await refused.answers(1)).toMatchObject([{ status: 503 }]);
  expect(await refused.ended).toBe(0);
});

test("who asks through a proxy shows a key too, which its engine does not get", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  await using issuer = await startIssuer();
  const jwt = `jwt: { issuer: "${issuer.url}", audience: plimsoll, jwksUrl: "${issuer.jwksUrl}", modelsClaim: models }`;
  await using running = await picking(
    `{ name: p, kind: openai, models: [small], urls: ["http://127.0.0.1:${server.port}"] }`,
    `access: { keys: { a: { hash: "sha256:${keyHash("the key")}" } }, ${jwt} }`,
  );
  const ask = (authorization: string | null) =>
    running.proxy
      .begin()
      .say(
        chatHeaders(
          ...(authorization === null ? [] : [["authorization", `Bearer ${authorization}`] as const]),
        ),
        chatBody(CHAT_SMALL),
      );
  for (const wrong of [null, "another", await issuer.token({ sub: "s", models: "large", aud: "x" })])
    expect(await ask(wrong).answers(1)).toMatchObject([{ status: 401 }]);
  expect(await ask(await issuer.token({ sub: "s", models: "large" })).answers(1)).toMatchObject([
    { status: 404 },
  ]);
  for (const good of ["the key", await issuer.token({ sub: "s", models: "small" })]) {
    const [head] = await ask(good).answers(2);
    expect(head).toMatchObject({ endpoints: `127.0.0.1:${server.port}`, removed: ["authorization"] });
  }
});

test("a stored response is its tenant's through a proxy too, and none is asked for unread", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  const keys = ["a", "b"].map((key) => `${key}: { hash: "sha256:${keyHash(key)}" }`);
  await using running = await picking(
    `{ name: p, kind: vllm, models: [small], urls: ["http://127.0.0.1:${server.port}"] }`,
    `access: { keys: { ${keys.join(", ")} } }`,
  );
  const ask = (key: string, method: string, path: string, body: string | null) => {
    const headers = [
      [":method", method],
      [":path", path],
      [":authority", "gateway"],
      ["content-type", "application/json"],
      ["authorization", `Bearer ${key}`],
    ] as const;
    const head = { request_headers: { headers, end_of_stream: body === null }, modes: [4, 4] } as const;
    return running.proxy.begin().say(head, ...(body === null ? [] : [chatBody(body)]));
  };
  const asked = '{"model":"small","input":"x","request_id":"resp_chosen"}';
  const [, sent] = await ask("a", "POST", "/v1/responses", asked).answers(2);
  const { request_id: id } = JSON.parse(sent.body as string) as Record<string, string>;
  expect(sent.body).not.toContain("chosen");
  const path = `/v1/responses/${id}`;
  expect((await ask("a", "GET", path, null).answers(1))[0].endpoints).toBe(`127.0.0.1:${server.port}`);
  expect(await ask("b", "GET", path, null).answers(1)).toMatchObject([{ status: 404 }]);
  const goOn = `{"model":"small","input":"x","previous_response_id":"${id}"}`;
  expect(await ask("b", "POST", "/v1/responses", goOn).answers(1)).toMatchObject([{ status: 404 }]);
  // As the server reads them, and the gateway does not.
  for (const unread of [path.replace("responses", "%72esponses"), `/v1/%72%65sponses/${id}/cancel`])
    expect(await ask("b", "GET", unread, null).answers(1)).toMatchObject([{ status: 400 }]);
  expect(await ask("b", "POST", "/v1/responses", null).answers(1)).toMatchObject([{ status: 400 }]);
});

test("picks and requests share the limits, and both are counted", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  await using running = await picking(
    `{ name: p, kind: openai, models: [small], urls: ["http://127.0.0.1:${server.port}"] }`,
    "admission: { tenant: { maxInFlight: 1 } }",
  );
  const { proxy, gateway } = running;
  const ask = async () => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", body: CHAT_SMALL });
    await response.arrayBuffer();
    return response.status;
  };
  const stream = proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL));
  await stream.answers(2);
  expect(await ask()).toBe(429);
  expect(await proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL)).answers(1)).toMatchObject([
    { status: 429 },
  ]);
  stream.say(streamHeaders(), piece("data: x\n\n"), piece("data: [DONE]\n\n", true));
  await stream.answers(5);
  expect(await ask()).toBe(200);
  const left = proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL));
  await left.answers(2);
  left.cancel();
  await expect.poll(ask).toBe(200);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const line = (name: string) =>
    metrics
      .split("\n")
      .find((one) => one.startsWith(name))
      ?.split(" ")
      .at(-1);
  expect(line('plimsoll_picks_total{pool="p",outcome="picked"')).toBe("2");
  expect(line('plimsoll_picks_total{pool="p",outcome="refused"')).toBe("1");
  expect(line('plimsoll_pick_seconds_count{pool="p"')).toBe("2");
  expect(gateway.faults).toEqual([]);
});

test("a reload changes what is picked from, not where it is asked", async () => {
  await using one = await serverAt("127.0.0.1", 0);
  await using two = await serverAt("127.0.0.1", 0);
  const pool = (...ports: number[]) =>
    `{ name: p, kind: openai, models: [small], urls: [${ports.map((port) => `"http://127.0.0.1:${port}"`).join()}] }`;
  await using running = await picking(pool(one.port));
  const { proxy, gateway } = running;
  const pick = async () => {
    const stream = proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL));
    const [{ endpoints }] = await stream.answers(1);
    return { endpoints, stream };
  };
  const before = await pick();
  expect(before.endpoints).toBe(`127.0.0.1:${one.port}`);
  await gateway.reload(`pools: [${pool(two.port)}]`);
  expect((await pick()).endpoints).toBe(`127.0.0.1:${two.port}`);
  before.stream.say(streamHeaders(), piece("data: [DONE]\n\n", true));
  await before.stream.answers(4);
  expect(await before.stream.end()).toBe(0);
});

test("of a model's pools it picks from those alone that it picks for, also after a reload", async () => {
  const servers = await Promise.all([0, 1, 2, 3, 4].map(() => serverAt("127.0.0.1", 0)));
  const [a, b, c, d, e] = servers.map(({ port }) => `127.0.0.1:${port}`);
  const config = (more: string, to: string) =>
    `models: { small: { pools: [{ pool: a, weight: 3 }, { pool: b, weight: 1 }, { pool: c, weight: 9 }], shadow: { pool: d, model: other } } }
pools: [${[
      ["a", a, "small"],
      ["b", to, "small"],
      ["c", c, "small"],
      ["d", d, "other"],
    ]
      .map(
        ([name, at, model]) => `{ name: ${name}, kind: openai, models: [${model}], urls: ["http://${at}"] }`,
      )
      .join()}]${more}`;
  const gateway = await startGateway(config("\npicker: { port: 0, pools: [a, b] }", b));
  const proxy = new ProxyClient(gateway.picker as string);
  const picks = async () => {
    const told: string[] = [];
    for (let i = 0; i < 8; i++) {
      const stream = proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL));
      told.push((await stream.answers(1))[0].endpoints ?? "none");
      await stream.end();
    }
    return told.toSorted();
  };
  const parts = (at: string) => [...Array<string>(6).fill(a), ...Array<string>(2).fill(at)].toSorted();
  expect(await picks()).toEqual(parts(b));
  await gateway.reload(config("", e));
  expect(await picks()).toEqual(parts(e));
  expect(gateway.faults).toEqual([]);
  proxy.close();
  await gateway.stop();
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
});

test("streams that say nothing end, and no more are open than may", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  const pool = `{ name: p, kind: openai, models: [small], urls: ["http://127.0.0.1:${server.port}"] }`;
  await using running = await picking(pool, "http: { maxConnections: 2, headersTimeoutMs: 300 }");
  const { proxy } = running;
  const silent = [0, 1, 2].map(() => proxy.begin());
  expect(await Promise.all(silent.map(({ ended }) => ended))).toEqual([9, 9, 8]);
  // They are over for the picker, whatever their proxy does.
  const [head] = await proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL)).answers(2);
  expect(head.endpoints).toBe(`127.0.0.1:${server.port}`);
});

test("what is no message ends its stream alone", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  await using running = await picking(
    `{ name: p, kind: openai, models: [small], urls: ["http://127.0.0.1:${server.port}"] }`,
  );
  const { proxy } = running;
  expect(await proxy.begin().raw(Buffer.from([0x12, 0xff])).ended).toBe(9);
  expect(await proxy.begin().say({ ...chatHeaders(), modes: [2, FULL_DUPLEX] }).ended).toBe(9);
  await proxy.begin().say(chatHeaders(), chatBody(CHAT_SMALL)).answers(2);
});

test("it shows a certificate, and says what is wrong with its settings", async () => {
  const tls = fileURLToPath(new URL("../../harness/fakes/tls/", import.meta.url));
  await using server = await serverAt("127.0.0.1", 0);
  const pool = `{ name: p, kind: openai, models: [small], urls: ["http://127.0.0.1:${server.port}"] }`;
  const gateway = await startGateway(
    `picker: { host: localhost, port: 0, certFile: ${tls}server.pem, keyFile: ${tls}server.key }\npools: [${pool}]`,
  );
  const port = gateway.picker?.split(":").at(-1);
  const proxy = new ProxyClient(`localhost:${port}`, await readFile(`${tls}ca.pem`));
  expect(await proxy.health("")).toBe("SERVING");
  proxy.close();
  await gateway.stop();
  const wrong = async (picker: string, pools = pool) =>
    readConfig(`picker: { ${picker} }\npools: [${pools}]`);
  await expect(wrong("port: 1, pools: [q]")).rejects.toThrow(/picker.pools\[0\].*no such pool/);
  await expect(wrong(`port: 1, certFile: ${tls}server.pem`)).rejects.toThrow(/picker.keyFile.*missing/);
  await expect(wrong(`port: 1, certFile: ${tls}ca.pem, keyFile: ${tls}server.key`)).rejects.toThrow(
    /picker.certFile/,
  );
  const simulated = "{ name: s, kind: simulated, model: deepseek-v3, topology: ep32, seed: 1 }";
  await expect(wrong("port: 1", simulated)).rejects.toThrow(/picker.port.*simulated/);
  const path = pool.replace(`${server.port}"`, `${server.port}/base"`);
  await expect(wrong("port: 1, pools: [p]", path)).rejects.toThrow(/has a path/);
  const heard = async (picker: string, access: string) => {
    const keyed = pool.replace("http://", "http://user:secret@");
    const config = await readConfig(
      `picker: { host: 0.0.0.0, port: 1, ${picker} }\n${access}\npools: [${keyed}]`,
    );
    return { host: config.picker?.host, notes: config.notes.filter((one) => one.startsWith("picker")) };
  };
  const client = `access: { keys: { a: { hash: "sha256:${keyHash("a")}" } } }`;
  expect(await heard("pools: [p]", client)).toEqual({
    host: "0.0.0.0",
    notes: [expect.stringMatching(/told the key for the servers of p;/)],
  });
  await expect(heard("pools: [p]", "")).rejects.toThrow(/picker\.host is 0\.0\.0\.0, which others reach/);
  const files = `certFile: ${tls}server.pem, keyFile: ${tls}server.key, clientCaFile: ${tls}ca.pem`;
  expect(await heard(files, "")).toEqual({ host: "0.0.0.0", notes: [] });
  expect((await wrong("port: null", simulated)).picker).toBeNull();
});
