import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compose } from "../../src/compose.ts";
import { ServerNames } from "../../src/discovery/server-names.ts";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { readConfig, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";
import { runHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

const file = (name: string) => fileURLToPath(new URL(`../../harness/fakes/tls/${name}`, import.meta.url));
const CA = file("ca.pem");
const keys = { cert: readFileSync(file("server.pem")), key: readFileSync(file("server.key")) };

let folder: ScratchFolder;
let server: ServerAt;
/** Wants a certificate of its clients. */
let closed: ServerAt;
beforeAll(async () => {
  folder = await scratchFolder();
  server = await serverAt("127.0.0.1", 0, undefined, keys);
  const asking = { ...keys, ca: readFileSync(CA), requestCert: true, rejectUnauthorized: true };
  closed = await serverAt("127.0.0.1", 0, undefined, asking);
});
afterAll(async () => {
  await Promise.all([server[Symbol.asyncDispose](), closed[Symbol.asyncDispose]()]);
  await folder[Symbol.asyncDispose]();
});

function pool(url: string, tls: string): string {
  return `pools: [{ name: chat, kind: openai, models: [small], urls: ["${url}"]${tls === "" ? "" : `, tls: ${tls}`} }]`;
}

async function statusOf(yaml: string): Promise<number> {
  const gateway = await startGateway(yaml);
  const response = await fetch(`${gateway.url}/v1/completions`, {
    method: "POST",
    body: '{"model":"small"}',
  });
  await response.text();
  await gateway.stop();
  return response.status;
}

/** What `check` found of the first pool's server. */
async function checked(yaml: string): Promise<string> {
  const path = await folder.write("gateway.yaml", yaml);
  const { findings } = JSON.parse(await runHere("check", "--json", "--config", path)) as {
    findings: { finding: string }[];
  };
  process.exitCode = 0;
  return findings[0].finding;
}

test.each([
  ["the pool's CA", "", `{ caFile: ${CA}, serverName: localhost }`],
  ["the CA of all", `upstream: { tls: { caFile: ${CA}, serverName: engines.test } }\n`, ""],
  [
    "the CA of all, and a name of the pool's",
    `upstream: { tls: { caFile: ${CA} } }\n`,
    "{ serverName: localhost }",
  ],
  ["any certificate", "", "{ insecureSkipVerify: true }"],
])("an https server is believed by %s", async (_, settings, tls) => {
  expect(await statusOf(settings + pool(`https://127.0.0.1:${server.port}`, tls))).toBe(200);
});

test("a name with several addresses is believed by its name", async () => {
  await using other = await serverAt("127.0.0.2", server.port, undefined, keys);
  const names = new ServerNames(
    async () => ["127.0.0.1", "127.0.0.2"],
    () => {},
  );
  const yaml = `health: { probe: { intervalMs: 100 } }\nrouting: { policy: round-robin }\n${pool(`https://engines.test:${server.port}`, `{ caFile: ${CA} }`)}`;
  const config = await names.expand(await readConfig(yaml));
  const app = await compose(config, {
    routing: null,
    recordTokens: 0,
    onFault: () => {},
    onNotice: () => {},
  });
  const { url } = await app.start();
  const ask = async () => {
    const response = await fetch(`${url}/v1/completions`, { method: "POST", body: '{"model":"small"}' });
    await response.text();
    return response.status === 200 ? response.headers.get("x-plimsoll-shard") : `${response.status}`;
  };
  await expect
    .poll(async () => new Set([await ask(), await ask()]), patiently)
    .toEqual(new Set([`chat/https://127.0.0.1:${server.port}`, `chat/https://127.0.0.2:${server.port}`]));
  expect(other.seen.at(-1)?.headers.host).toBe(`engines.test:${server.port}`);
  await app.stop();
});

test("a server that wants a certificate gets the gateway's", async () => {
  const own = `certFile: ${file("client.pem")}, keyFile: ${file("client.key")}`;
  const url = `https://localhost:${closed.port}`;
  expect(await statusOf(pool(url, `{ caFile: ${CA}, ${own} }`))).toBe(200);
  expect(await statusOf(pool(url, `{ caFile: ${CA} }`))).toBeGreaterThanOrEqual(502);
});

describe("check says what to change", () => {
  test("where nobody trusted has signed", async () => {
    const found = await checked(pool(`https://localhost:${server.port}`, ""));
    expect(found).toMatch(/UNABLE_TO_VERIFY_LEAF_SIGNATURE.*name the CA's file in `tls\.caFile`/);
  });

  test("where the name is another", async () => {
    const found = await checked(pool(`https://127.0.0.1:${server.port}`, `{ caFile: ${CA} }`));
    expect(found).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID.*give that in `tls\.serverName`/);
  });

  test("where one side speaks TLS and the other does not", async () => {
    await using plain = await serverAt("127.0.0.1", 0);
    expect(await checked(pool(`https://127.0.0.1:${plain.port}`, ""))).toMatch(
      /speaks no TLS: write http:\/\//,
    );
    expect(await checked(pool(`http://127.0.0.1:${server.port}`, ""))).toMatch(
      /write https:\/\/ if it wants TLS/,
    );
  });
});

describe("TLS files", () => {
  test.each([
    ["{ caFile: nothing.pem }", /tls\.caFile names \/.*\/nothing\.pem, which cannot be read \(ENOENT\)/],
    ["{ caFile: gateway.yaml }", /tls\.caFile names a file that holds no certificate/],
    [`{ certFile: ${CA} }`, /tls\.keyFile is missing; expected a certificate and its key together/],
    [
      `{ certFile: ${CA}, keyFile: ${file("client.key")} }`,
      /tls\.certFile names a file that holds no certificate that goes with/,
    ],
  ])("%s: what cannot be used is said, with its place", async (tls, message) => {
    const path = await folder.write("gateway.yaml", pool("https://x", tls));
    const failed = await runHere("check", "--config", path).catch((error: unknown) => error as Error);
    expect(failed).toMatchObject({ name: "InputError", message: expect.stringMatching(message) as string });
    expect((failed as Error).message).toMatch(/gateway\.yaml:1:\d+: pools\[0\]\.tls/);
  });
});
