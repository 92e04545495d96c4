import { once } from "node:events";
import { expect, test } from "vitest";
import { serverAt } from "../../harness/fakes/server-at.ts";
import { KubernetesApi } from "../../harness/fakes/kubernetes-api.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { patiently } from "../patiently.ts";
import { cliResult, startCliWith } from "../run-cli.ts";
import { resultHere } from "../run-here.ts";

async function ask(url: string) {
  const response = await fetch(`${url}/v1/completions`, { method: "POST", body: '{"model":"small"}' });
  const { error } = (await response.json()) as { error?: { code?: string; message: string } };
  return [response.status, response.headers.get("x-plimsoll-shard") ?? error?.message];
}

test.each([1, 2])(
  "a gateway begins without a server, and has those that a file lists (workers: %i)",
  async (workers) => {
    await using folder = await scratchFolder();
    await using server = await serverAt("127.0.0.1", 0);
    await folder.write("engines.yaml", "[]");
    const path = await folder.write(
      "gateway.yaml",
      `workers: ${workers}
http: { port: 0, logLevel: silent }
pools: [{ name: chat, kind: openai, models: [small], discover: { file: { path: engines.yaml } } }]`,
    );
    const child = startCliWith({}, "serve", "--config", path, "--json");
    const over = cliResult(child);
    // One that cannot start says nothing.
    const [line] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const none = [503, "No shard of pool `chat` is there: no server was found yet."];
    expect(await ask(url)).toEqual(none);
    const ready = await fetch(`${url}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([
      503,
      { pools: { chat: { reason: "no server was found yet" } } },
    ]);
    await folder.write("engines.yaml", `- {url: "http://127.0.0.1:${server.port}", name: engine-0}`);
    await expect.poll(() => ask(url), patiently).toEqual([200, "chat/engine-0"]);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    const state = (await (await fetch(`${url}/admin/state`)).json()) as {
      pools: { shards: { id: string }[] }[];
    };
    expect(state.pools[0].shards.map(({ id }) => id)).toEqual(["chat/engine-0"]);
    const metrics = async () => (await fetch(`${url}/metrics`)).text();
    expect(await metrics()).toContain('shard="chat/engine-0"');
    const source = `{source="the list of servers in ${folder.path("engines.yaml")}"}`;
    const figures = ["readable", "servers", "changes_total"].map(
      (name) => `plimsoll_discovery_${name}${source}`,
    );
    const found = async () => {
      const lines = (await metrics()).split("\n");
      return figures.map((figure) => lines.find((one) => one.startsWith(figure))?.slice(figure.length + 1));
    };
    expect(await found()).toEqual(["1", "1", "2"]);
    await folder.write("engines.yaml", "engines: none");
    await expect.poll(found, patiently).toEqual(["0", "1", "2"]);
    expect((await ask(url))[0]).toBe(200);
    await folder.write("engines.yaml", "[]");
    await expect.poll(() => ask(url), patiently).toEqual(none);
    child.kill("SIGTERM");
    const { code, stderr } = await over;
    expect(code).toBe(0);
    expect(stderr).toContain("pool chat: engine-0 joined; it has 1 server\n");
    expect(stderr).toContain("pool chat: engine-0 left; it has 0 servers\n");
    expect(stderr).toContain(`the list of servers in ${folder.path("engines.yaml")}: no server\n`);
  },
);

test("check says what is found, and what cannot be", async () => {
  await using folder = await scratchFolder();
  await using server = await serverAt("127.0.0.1", 0);
  await using api = await KubernetesApi.start();
  api.put("s", {
    labels: { "kubernetes.io/service-name": "engines" },
    ports: [{ name: "http", port: server.port }],
    endpoints: [
      { addresses: ["127.0.0.1"], targetRef: { kind: "Pod", name: "engine-0", uid: "1" } },
      { addresses: ["127.0.0.9"], conditions: { ready: false } },
    ],
  });
  const path = await folder.write(
    "gateway.yaml",
    `pools:
  - name: chat
    kind: openai
    models: [small]
    discover: { kubernetes: { namespace: default, service: engines, server: "${api.url}" } }`,
  );
  const good = await resultHere("check", "--config", path);
  expect(good).toMatchObject({ code: 0 });
  expect(good.stdout).toContain(
    `EndpointSlices of default (kubernetes.io/service-name=engines): one server: engine-0 (http://127.0.0.1:${server.port}); 1 more not ready, or about to end`,
  );
  expect(good.stdout).toMatch(/chat\/engine-0 +│ serves small/);
  api.put("s", { labels: { "kubernetes.io/service-name": "engines" }, endpoints: null });
  const none = await resultHere("check", "--config", path);
  expect(none).toMatchObject({ code: 0 });
  expect(none.stdout).toMatch(/WARN │ discovery .*: no server; requests are answered 503 until there is one/);
  api.refuse = 403;
  const refused = await resultHere("check", "--config", path);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stdout).toContain("bind a Role in default to the ServiceAccount");
});
