import { afterEach, expect, test } from "vitest";
import type { DisaggregatedPoolConfig, ServerPoolConfig, ServersConfig } from "../../src/config/config.ts";
import { FoundServers } from "../../src/discovery/found-servers.ts";
import { readConfig } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

const KUBERNETES = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

let found: FoundServers;
let notices: string[];

afterEach(() => found.keep(null));

async function expanded(yaml: string) {
  notices = [];
  found = new FoundServers(
    async () => [
      { name: "b.test", port: 8000, priority: 5, weight: 0 },
      { name: "a.test", port: 8000, priority: 0, weight: 0 },
    ],
    (line) => notices.push(line),
  );
  return found.expand(
    await readConfig(`upstream: { resolveMs: 0 }\npools: [{ name: chat, models: [m], ${yaml} }]`),
  );
}

function text({ urls, names, access, parts, rankOffsets, bootstrapPorts }: ServersConfig) {
  for (const each of [names, access, parts, rankOffsets]) expect(each).toHaveLength(urls.length);
  return urls.map((url, i) => [names[i]?.name ?? "", url, bootstrapPorts[i] ?? 0].join(" "));
}

function list(folder: ScratchFolder, ...servers: readonly object[]): Promise<string> {
  return folder.write("list.json", JSON.stringify(servers));
}

test("servers that are found come beside those that are named, which stay as they are", async () => {
  await using folder = await scratchFolder();
  const path = await list(
    folder,
    { url: "http://b", name: "two" },
    { url: "http://a:1" },
    { url: "http://u:p@c" },
  );
  const { pools } = await expanded(
    `kind: vllm, urls: ["http://a:1"], rankOffsets: [8], discover: { file: { path: "${path}" } }`,
  );
  const { servers } = pools[0] as ServerPoolConfig;
  expect(text(servers)).toEqual([" http://a:1 0", " http://c 0", "two http://b 0"]);
  expect(servers.rankOffsets).toEqual([8, 0, 0]);
  expect(servers.access[1].authorization).toBe(`Basic ${btoa("u:p")}`);
});

test("targets of SRV records are servers", async () => {
  const { pools } = await expanded(
    "kind: openai, discover: { dns: { srv: _http._tcp.engines, path: /base } }",
  );
  expect(text((pools[0] as ServerPoolConfig).servers)).toEqual([
    " http://a.test:8000/base 0",
    " http://b.test:8000/base 0",
  ]);
});

test("prefill and decode servers are found by their roles; SGLang's have their bootstrap port", async () => {
  await using folder = await scratchFolder();
  const path = await list(folder, { url: "http://p", role: "prefill" }, { url: "http://d", role: "decode" });
  const from = `{ discover: { file: { path: "${path}" } } }`;
  const { pools } = await expanded(`kind: sglang, prefill: ${from}, decode: ${from}`);
  const { prefill, decode } = pools[0] as DisaggregatedPoolConfig;
  expect([text(prefill), text(decode)]).toEqual([[" http://p 8998"], [" http://d 0"]]);
});

test("a source that finds nothing leaves a pool without a server", async () => {
  const { pools } = await expanded("kind: openai, discover: { file: { path: /nowhere/list.yaml } }");
  expect((pools[0] as ServerPoolConfig).servers.urls).toEqual([]);
  expect(notices).toEqual([
    expect.stringContaining("cannot be read (ENOENT); no server until it can be read"),
  ]);
});

const SOURCE = "service: engines, namespace: default";

test.each([
  ["{}", "pools[0].discover names 0 sources; expected one of"],
  ["{ dns: { srv: a }, file: { path: b } }", "pools[0].discover names 2 sources"],
  ["{ dns: { srv: 'a b' } }", "pools[0].discover.dns.srv"],
  ["{ dns: { srv: a, scheme: ftp } }", "pools[0].discover.dns.scheme"],
  ["{ dns: { srv: a, path: base } }", "expected a path like /base"],
  [`{ kubernetes: { ${SOURCE}, selector: a=b } }`, "expected either `service`, or `selector`"],
  ["{ kubernetes: { namespace: default } }", "expected either `service`, or `selector`"],
  ["{ kubernetes: { service: engines } }", "pools[0].discover.kubernetes.namespace is missing"],
  [`{ kubernetes: { ${SOURCE}, port: 0 } }`, "kubernetes.port is 0; expected at least 1"],
  [`{ kubernetes: { ${SOURCE}, port: [] } }`, "expected a port's name or number"],
  [`{ kubernetes: { ${SOURCE}, prot: 1 } }`, "did you mean `port`?"],
])("discover: %s is refused", async (discover, message) => {
  const yaml = `pools: [{ name: a, kind: openai, models: [m], discover: ${discover} }]`;
  await expect(readConfig(yaml, KUBERNETES)).rejects.toThrow(message);
});

test("outside of a cluster the API server has to be named", async () => {
  const yaml = (more: string) =>
    `pools: [{ name: a, kind: openai, models: [m], discover: { kubernetes: { ${SOURCE} ${more} } } }]`;
  await expect(readConfig(yaml(""))).rejects.toThrow(
    "kubernetes.server is missing, and this process is no pod",
  );
  const { pools } = await readConfig(yaml(""), KUBERNETES);
  expect((pools[0] as ServerPoolConfig).servers.discover?.source).toMatchObject({
    server: "https://10.96.0.1:443",
    tokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token",
    selector: "kubernetes.io/service-name=engines",
  });
  const outside = await readConfig(yaml(", server: https://10.0.0.1:6443/"));
  expect((outside.pools[0] as ServerPoolConfig).servers.discover?.source).toMatchObject({
    server: "https://10.0.0.1:6443",
    tokenFile: null,
    caFile: null,
  });
});
