import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ServerPoolConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { isKey } from "../../src/config/operator-key.ts";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { startGateway } from "../../harness/fakes/start-gateway.ts";
import { runHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { runs } from "../runs.ts";

let folder: ScratchFolder;
let server: ServerAt;
beforeAll(async () => {
  folder = await scratchFolder();
  server = await serverAt("127.0.0.1", 0);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Long enough that it stands nowhere by chance, with every sign that URLs, YAML or headers give a meaning to. */
const secret = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...":/?#[]@!$&'()*+,;=%\\\"<>{}|^` é†\t\n".split("")), maxLength: 6 }),
    fc.integer({ min: 0, max: 9 }),
  )
  .map(([signs, digit]) => `${signs}s3cr${digit}t-passw0rd${signs}`);

const config = (urls: string, more = "") =>
  `pools: [{ name: chat, kind: openai, models: [small], urls: ${urls}${more} }]`;

/** A secret, or enough of it to be one. */
function tells(text: string): boolean {
  return /s3cr\dt/.test(text);
}

test("a URL's password is sent to its server, and stands nowhere else", async () => {
  const urlOf = (word: string) => `http://us%40er:${encodeURIComponent(word)}@127.0.0.1:${server.port}/v1`;
  const words = fc.sample(secret, { numRuns: runs(4), seed: 1 });
  for (const word of words) {
    const yaml = config(JSON.stringify([urlOf(word)]));
    const gateway = await startGateway(yaml);
    const ask = (path: string, init: RequestInit = {}) => fetch(gateway.url + path, init);
    const answer = await ask("/v1/completions", {
      method: "POST",
      body: '{"model":"small"}',
      headers: { cookie: "a=b" },
    });
    expect(answer.status).toBe(200);
    const { authorization, cookie } = server.seen.at(-1)?.headers ?? {};
    expect(authorization).toBe(`Basic ${Buffer.from(`us@er:${word}`).toString("base64")}`);
    expect(cookie).toBeUndefined();
    const said = [
      JSON.stringify([...answer.headers]),
      await answer.text(),
      await (await ask("/metrics")).text(),
      await (await ask("/admin/state")).text(),
      await (await ask("/v1/models")).text(),
      ...gateway.notices,
    ];
    const path = await folder.write("gateway.yaml", yaml);
    said.push(await runHere("check", "--config", path), await runHere("check", "--json", "--config", path));
    expect(
      said.filter((text) => tells(text) || text.includes("us%40er") || text.includes(authorization ?? "")),
    ).toEqual([]);
    await gateway.stop();
  }
});

test("what a URL, a key's variable or a store cannot be is never repeated", async () => {
  await fc.assert(
    fc.asyncProperty(secret, fc.nat(7), async (word, which) => {
      const text = JSON.stringify(word);
      const written = [
        config(`[${JSON.stringify(`http://user:${word}@127.0.0.1:99999`)}]`),
        config(JSON.stringify(`http://user:${word}@127.0.0.1:1`)),
        config(`["http://a"]`, `, apiKeyEnv: ${text}`),
        config(`["http://a"]`, `, apiKeyEnv: [${text}]`),
        config(`["http://u:p@a"]`, `, apiKeyEnv: KEY`),
        `http: { operatorKeyEnv: ${text} }\n${config('["http://a"]')}`,
        `store: { url: ${JSON.stringify(`redis://user:${word}@h:x`)} }\n${config('["http://a"]')}`,
        `apiKeyEnv: &x ${text}\n\tpools: []`,
      ][which];
      const path = await folder.write("bad.yaml", written);
      const fault = await loadConfig(path, { KEY: word.trim(), [word]: "" }).catch(
        (error: unknown) => error as Error,
      );
      expect(fault).toMatchObject({ name: "InputError" });
      const { message, others } = fault as Error & { others: readonly string[] };
      expect([message, ...others].filter((line) => tells(line) || line.includes("\n"))).toEqual([]);
    }),
    { seed: 2, numRuns: runs(100) },
  );
});

test("a key is taken without what a file leaves around it; one that no header can hold is refused", async () => {
  const path = await folder.write("keyed.yaml", config("['http://a']", ", apiKeyEnv: ENGINE_KEY"));
  const keyOf = async (key: string) => {
    const { pools } = await loadConfig(path, { ENGINE_KEY: key });
    return (pools[0] as ServerPoolConfig).apiKey;
  };
  expect(await keyOf(" key-1\r\n")).toBe("key-1");
  for (const key of ["s3cr1t\nx-evil: 1", "s3cr1t\0", "s3cr1t†", "\n"]) {
    const fault = await keyOf(key).catch((error: unknown) => error as Error);
    expect(fault).toMatchObject({
      name: "InputError",
      message: expect.stringContaining("pools[0].apiKeyEnv names ENGINE_KEY") as string,
    });
    expect(tells((fault as Error).message)).toBe(false);
  }
});

test("of the operators' key a configuration keeps a hash alone", async () => {
  const path = await folder.write(
    "operators.yaml",
    `http: { operatorKeyEnv: OPS }\n${config("['http://a']")}`,
  );
  const { operatorKeyHash, ...rest } = await loadConfig(path, { OPS: " s3cr1t-passw0rd\n" });
  expect(tells(JSON.stringify({ operatorKeyHash, ...rest }))).toBe(false);
  expect(isKey("s3cr1t-passw0rd", operatorKeyHash ?? "")).toBe(true);
  expect(isKey("s3cr1t-passw0rD", operatorKeyHash ?? "")).toBe(false);
});

test("beyond loopback a gateway is not open, unless that is said", async () => {
  const at = async (host: string, more = "") => {
    const text = `http: { host: "${host}" }\n${more}\n${config("['http://a']")}`;
    return (await loadConfig(await folder.write("open.yaml", text), {})).http.host;
  };
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "gateway.example"]) {
    await expect(at(host)).rejects.toThrow(/http\.host is .*access\.keys/);
    expect(await at(host, "access: { anonymous: true }")).toBe(host);
  }
  for (const host of ["127.0.0.1", "::1", "localhost"]) expect(await at(host)).toBe(host);
});
