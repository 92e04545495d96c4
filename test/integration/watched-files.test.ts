import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { rename } from "node:fs/promises";
import { connect } from "node:tls";
import { Agent, fetch } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Authority,
  type Certificate,
  certificateAuthority,
  replaceCertificate,
} from "../../harness/certificates.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { keyHash } from "../../src/config/operator-key.ts";
import { patiently } from "../patiently.ts";
import { type CliResult, cliResult, startCli } from "../run-cli.ts";

let folder: ScratchFolder;
let fake: FakeServer;
let authority: Authority;
let shown: Certificate;
let next: Certificate;
let child: ChildProcessWithoutNullStreams;
let over: Promise<CliResult>;
let said = "";
let url: string;
let admin: string;
const agents: Agent[] = [];

interface Made {
  readonly key: string;
  readonly hash: string;
}

const made = (key: string): Made => ({ key, hash: `sha256:${keyHash(key)}` });
const anna = made("anna-0123456789abcdef");
const ben = made("ben-0123456789abcdef");
const operator = made("operator-0123456789abcdef");

/** Writes the file of keys in one step. */
async function writeKeys(keys: Record<string, string>): Promise<void> {
  const text = Object.entries(keys).map(([id, key]) => `${id}: ${key}\n`);
  await rename(await folder.write("next.yaml", text.join("")), folder.path("keys.yaml"));
}

// One gateway with two workers: every process has to hear of every change.
beforeAll(async () => {
  folder = await scratchFolder();
  [fake, authority] = await Promise.all([startOpenAiServer(), certificateAuthority(folder, "ca")]);
  [shown, next] = await Promise.all([authority.issue("shown"), authority.issue("next")]);
  await writeKeys({ anna: `{ hash: "${anna.hash}" }`, ops: `{ hash: "${operator.hash}", role: operator }` });
  const path = await folder.write(
    "gateway.yaml",
    `workers: 2
http: { port: 0, tls: { certFile: shown.pem, keyFile: shown.key }, admin: { port: 0 } }
access: { keysFile: keys.yaml, watchFilesMs: 100 }
pools: [{ name: chat, kind: openai, models: [small], urls: [${fake.url}] }]`,
  );
  child = startCli("serve", "--config", path, "--json");
  over = cliResult(child);
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  ({ url, admin } = JSON.parse(line.toString()) as { url: string; admin: string });
});
afterAll(async () => {
  child.kill("SIGTERM");
  await over;
  await Promise.all(agents.map((agent) => agent.close()));
  await fake.kill();
  await folder[Symbol.asyncDispose]();
});

/** Of so many connections, each to whichever worker has its turn, the statuses. */
async function statuses({ key }: Made, count = 4): Promise<readonly number[]> {
  const asked = Array.from({ length: count }, async () => {
    const agent = new Agent({ connect: { ca: authority.ca } });
    agents.push(agent);
    const response = await fetch(`${url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
      dispatcher: agent,
    });
    await response.text();
    return response.status;
  });
  return [...new Set(await Promise.all(asked))];
}

async function subject(): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), ca: authority.ca });
  await once(socket, "secureConnect");
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

test("a file of keys that changes rotates them in every worker, without a signal", async () => {
  expect([await statuses(anna), await statuses(ben)]).toEqual([[200], [401]]);
  await writeKeys({
    anna: `{ hash: "${anna.hash}", expires: "2020-01-01" }`,
    ben: `{ hash: "${ben.hash}" }`,
    ops: `{ hash: "${operator.hash}", role: operator }`,
  });
  await expect.poll(() => statuses(ben), patiently).toEqual([200]);
  await expect.poll(() => statuses(anna), patiently).toEqual([401]);
  expect(said).toMatch(/a file of keys or certificates has changed\n.*"anna" has expired.*\n.*is reloaded/);
});

test("one that cannot be read changes nothing, and says so", async () => {
  await writeKeys({ ben: `{ hash: "${ben.key}" }` });
  await expect.poll(() => said, patiently).toContain("the configuration stays as it was: ");
  expect(said).not.toContain(ben.key);
  expect(await statuses(ben)).toEqual([200]);
  await writeKeys({ ben: `{ hash: "${ben.hash}" }`, ops: `{ hash: "${operator.hash}", role: operator }` });
});

test("a certificate that changes is shown by every worker", async () => {
  expect(await subject()).toBe("shown");
  await replaceCertificate(shown, next, folder);
  await expect
    .poll(async () => new Set(await Promise.all([subject(), subject(), subject(), subject()])), patiently)
    .toEqual(new Set(["next"]));
  expect(await statuses(ben)).toEqual([200]);
});

test("operators have a listener of their own, which the workers do not reach", async () => {
  const state = (base: string) =>
    fetch(`${base}/admin/state`, {
      headers: { authorization: `Bearer ${operator.key}` },
      dispatcher: new Agent({ connect: { ca: authority.ca } }),
    });
  const answer = await state(admin);
  expect([answer.status, ((await answer.json()) as { workers: object[] }).workers.length]).toEqual([200, 2]);
  expect((await state(url)).status).toBe(404);
  const ready = await fetch(`${url}/ready`, { dispatcher: new Agent({ connect: { ca: authority.ca } }) });
  expect(ready.status).toBe(200);
});
