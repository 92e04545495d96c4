import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { compose } from "../../src/compose.ts";
import { lookUpSrv } from "../../src/discovery/dns-source.ts";
import { FoundServers } from "../../src/discovery/found-servers.ts";
import { ServerNames } from "../../src/discovery/server-names.ts";
import { ServerWatch } from "../../src/discovery/server-watch.ts";
import { serverAt } from "../../harness/fakes/server-at.ts";
import { readConfig } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";
import { cliResult, startCliWith } from "../run-cli.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

const RESOLVE_MS = 50;

function configText(port: number, settings = ""): string {
  return `${settings}
http: { port: 0, logLevel: silent }
upstream: { resolveMs: ${RESOLVE_MS} }
health: { probe: { intervalMs: 100, healthyAfter: 1 }, slowStart: { durationMs: 0 } }
routing: { policy: round-robin }
pools: [{ name: chat, kind: openai, models: [small], urls: ["http://engines.test:${port}"] }]`;
}

async function shardOf(url: string): Promise<string | null> {
  const response = await fetch(`${url}/v1/completions`, { method: "POST", body: '{"model":"small"}' });
  await response.text();
  expect(response.status).toBe(200);
  return response.headers.get("x-plimsoll-shard");
}

/** The shards that a few requests in turn go to. */
async function shardsOf(url: string): Promise<string[]> {
  const shards = new Set<string>();
  for (let i = 0; i < 4; i++) shards.add((await shardOf(url)) ?? "");
  return [...shards].toSorted();
}

test("servers come and go with the addresses of a name, and what is in flight is answered", async () => {
  const held: ServerResponse[] = [];
  await using first = await serverAt("127.0.0.1", 0, (_, response, body) => {
    if (!body.includes("hold")) return void response.end("{}");
    held.push(response);
    response.write("data: {}\n\n");
  });
  const { port } = first;
  await using second = await serverAt("127.0.0.2", port);
  const shard = (host: string) => `chat/http://${host}:${port}`;
  let addresses = ["127.0.0.2", "127.0.0.1"];
  const notices: string[] = [];
  const names = new ServerNames(
    async () => addresses,
    (line) => notices.push(line),
  );
  const written = await readConfig(configText(port));
  const config = await names.expand(written);
  const faults: Error[] = [];
  const onFault = (fault: Error) => void faults.push(fault);
  const app = await compose(config, { routing: null, recordTokens: 0, onFault, onNotice: () => {} });
  const watch = new ServerWatch(
    {
      names,
      found: new FoundServers(lookUpSrv, () => {}),
      reload: (next) => app.reload(next),
      onFault,
      onNotice: () => {},
    },
    written,
    config,
  );
  const { url } = await app.start();
  watch.start();
  await expect.poll(() => shardsOf(url), patiently).toEqual([shard("127.0.0.1"), shard("127.0.0.2")]);
  expect(second.seen.at(-1)?.headers.host).toBe(`engines.test:${port}`);

  const gateway = app.gateway();
  addresses = ["127.0.0.1", "127.0.0.2"];
  await expect.poll(() => shardsOf(url), patiently).toHaveLength(2);
  const stream = async () => {
    const body = '{"model":"small","stream":true,"prompt":"hold"}';
    const response = await fetch(`${url}/v1/completions`, { method: "POST", body });
    return response;
  };
  const streams = [await stream()];
  while (held.length === 0) {
    await streams.at(-1)?.body?.cancel();
    streams.push(await stream());
  }
  // An answer in another order has changed nothing.
  expect(app.gateway()).toBe(gateway);

  await using third = await serverAt("127.0.0.3", port);
  addresses = ["127.0.0.3", "127.0.0.2"];
  await expect.poll(() => shardsOf(url), patiently).toEqual([shard("127.0.0.2"), shard("127.0.0.3")]);
  expect(third.seen.length).toBeGreaterThan(0);
  for (const response of held) response.end("data: [DONE]\n\n");
  expect(await streams.at(-1)?.text()).toBe("data: {}\n\ndata: [DONE]\n\n");

  addresses = [];
  await expect.poll(() => notices.at(-1), patiently).toMatch("cannot be looked up");
  expect(await shardsOf(url)).toEqual([shard("127.0.0.2"), shard("127.0.0.3")]);
  await watch.stop();
  await app.stop();
  expect(faults).toEqual([]);
});

async function pids(url: string): Promise<number[]> {
  const { workers } = (await (await fetch(`${url}/admin/state`)).json()) as { workers: { pid: number }[] };
  return workers.map(({ pid }) => pid);
}

/** Loaded into the gateway: looks `engines.test` up in a file. */
const hook = (file: string) => `
import dns from "node:dns";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const real = dns.lookup;
dns.lookup = (name, options, done) => {
  if (name !== "engines.test") return real(name, options, done);
  const all = readFileSync(${JSON.stringify(file)}, "utf8").trim().split(" ").map((address) => ({ address, family: 4 }));
  process.nextTick(() => (options.all ? done(null, all) : done(null, all[0].address, 4)));
};
syncBuiltinESMExports();
`;

test.each([1, 2])("serve follows a name by itself (workers: %i)", async (workers) => {
  await using folder = await scratchFolder();
  await using first = await serverAt("127.0.0.1", 0);
  await using second = await serverAt("127.0.0.2", first.port);
  await folder.write("addresses", "127.0.0.1");
  const module = await folder.write("hook.mjs", hook(folder.path("addresses")));
  const path = await folder.write("gateway.yaml", configText(first.port, `workers: ${workers}`));
  const child = startCliWith({ NODE_OPTIONS: `--import ${module}` }, "serve", "--config", path, "--json");
  const over = cliResult(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  expect(await shardsOf(url)).toEqual([`chat/http://engines.test:${first.port}`]);
  await folder.write("addresses", "127.0.0.2 127.0.0.1");
  await expect
    .poll(() => shardsOf(url), patiently)
    .toEqual([`chat/http://127.0.0.1:${first.port}`, `chat/http://127.0.0.2:${first.port}`]);
  expect(second.seen.some(({ method }) => method === "POST")).toBe(true);
  if (workers > 1) {
    // One that comes later goes by what the others go by, whatever the file says meanwhile.
    await folder.write("gateway.yaml", "pools: nonsense");
    const [gone] = await pids(url);
    process.kill(gone, "SIGKILL");
    await expect
      .poll(async () => (await pids(url)).filter((pid) => pid !== gone).length, patiently)
      .toBe(workers);
    await expect.poll(() => shardsOf(url), patiently).toHaveLength(2);
  }
  await folder.write("addresses", "127.0.0.1");
  await expect.poll(() => shardsOf(url), patiently).toEqual([`chat/http://engines.test:${first.port}`]);
  child.kill("SIGTERM");
  const { code, stderr } = await over;
  expect(code).toBe(0);
  expect(stderr).toContain("engines.test is 2 servers: 127.0.0.1, 127.0.0.2\n");
  expect(stderr).toContain("engines.test is one server: 127.0.0.1\n");
});
