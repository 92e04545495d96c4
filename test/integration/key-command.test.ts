import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { cliResult, startCli } from "../run-cli.ts";
import { runHere } from "../run-here.ts";

const POOLS = 'pools: [{ name: chat, kind: openai, models: [small], urls: ["http://a"] }]';

interface Made {
  readonly id: string;
  readonly role: string;
  readonly key?: string;
  readonly hash: string;
}

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

test("each key is another, of 256 random bits, and its hash is SHA-256's", async () => {
  const keys: Made[] = [];
  for (let i = 0; i < 20; i++) keys.push(JSON.parse(await runHere("key", "--json")) as Made);
  expect(new Set(keys.map(({ key }) => key)).size).toBe(20);
  for (const { key = "", hash } of keys) {
    expect(Buffer.from(key.replace("sk-", ""), "base64url")).toHaveLength(32);
    expect(hash).toBe(`sha256:${createHash("sha256").update(key).digest("hex")}`);
  }
});

test.each(["client", "operator", "engine"])(
  "the line of a key of a %s is one of the configuration",
  async (role) => {
    const said = await runHere("key", "--id", "a b", "--role", role);
    const line = said.trim().split("\n").at(-1) ?? "";
    const { access } = await readConfig(`access:\n  keys:\n  ${line}\n${POOLS}`);
    expect(access.keys).toMatchObject([{ id: "a b", role }]);
    await folder.write("keys.yaml", `${line.trim()}\n`);
    const path = await folder.write("gateway.yaml", `access: { keysFile: keys.yaml }\n${POOLS}`);
    expect((await loadConfig(path)).access.keys).toEqual(access.keys);
  },
);

test("a key that is there is hashed without being repeated; one that is short is refused", async () => {
  const given = async (text: string) => {
    const child = startCli("key", "--stdin", "--json");
    child.stdin.end(text);
    return await cliResult(child);
  };
  const key = "given-0123456789abcdef";
  const [long, short] = await Promise.all([given(`${key}\n`), given("short\n")]);
  expect(JSON.parse(long.stdout)).toEqual({
    id: "my-key",
    role: "client",
    hash: `sha256:${createHash("sha256").update(key).digest("hex")}`,
  });
  expect([short.code, short.stderr]).toEqual([2, expect.stringContaining("no key of at least 20 signs")]);
  expect(short.stderr).not.toContain("short\n");
});
