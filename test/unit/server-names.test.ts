import { afterEach, describe, expect, test, vi } from "vitest";
import dns from "node:dns";
import type { Config, ServerPoolConfig } from "../../src/config/config.ts";
import { lookUp } from "../../src/discovery/lookup.ts";
import { ServerNames } from "../../src/discovery/server-names.ts";
import { readConfig } from "../../harness/fakes/start-gateway.ts";

/** What each name is told to be now. */
let told: Record<string, readonly string[] | Error>;
let asked: string[];
let said: string[];

function names(): ServerNames {
  [asked, said] = [[], []];
  const lookup = (name: string) => {
    asked.push(name);
    const addresses = told[name] ?? Object.assign(new Error(name), { code: "ENOTFOUND" });
    return addresses instanceof Error ? Promise.reject(addresses) : Promise.resolve(addresses);
  };
  return new ServerNames(lookup, (line) => said.push(line));
}

function pool(more: string): Promise<Config> {
  return readConfig(`pools: [{ name: chat, models: [small], ${more} }]`);
}

async function servers(of: ServerNames, config: Config) {
  return ((await of.expand(config)).pools[0] as ServerPoolConfig).servers;
}

describe("a name", () => {
  test("with several addresses is a server at each, in one order, asked for by the name", async () => {
    told = { "engines.test": ["10.0.0.10", "10.0.0.2"] };
    const config = await pool("kind: openai, urls: ['http://a:b@engines.test:8000/base/v1/']");
    const found = await servers(names(), config);
    expect(found.urls).toEqual(["http://10.0.0.10:8000/base", "http://10.0.0.2:8000/base"]);
    const access = { host: "engines.test:8000", authorization: `Basic ${btoa("a:b")}`, tls: null };
    expect(found.access).toEqual([access, access]);
    expect(said).toEqual(["engines.test is 2 servers: 10.0.0.10, 10.0.0.2"]);
  });

  test("with one address stays itself, and so does a URL that has an address, or this machine's name", async () => {
    told = { one: ["10.0.0.1"] };
    const urls = [
      "http://one",
      "http://10.0.0.9:80",
      "http://[fd00::1]:8000",
      "http://localhost:1",
      "https://api.localhost",
    ];
    const found = await servers(
      names(),
      await pool(`kind: openai, urls: [${urls.map((url) => `'${url}'`).join()}]`),
    );
    expect(found.urls).toEqual([
      "http://one",
      "http://10.0.0.9",
      "http://[fd00::1]:8000",
      "http://localhost:1",
      "https://api.localhost",
    ]);
    expect(found.access.every(({ host }) => host === null)).toBe(true);
    expect([asked, said]).toEqual([["one"], []]);
  });

  test("with one address is a server at it, where an endpoint picker tells it to a proxy", async () => {
    told = { one: ["10.0.0.1"] };
    const config = await pool("kind: openai, urls: ['http://one:8000']");
    const picker = { host: "127.0.0.1", port: 9002, pools: ["a"], endpoints: 1, tls: null };
    const found = await servers(names(), { ...config, picker });
    expect(found.urls).toEqual(["http://10.0.0.1:8000"]);
    expect(found.access.map(({ host }) => host)).toEqual(["one:8000"]);
  });

  test("with addresses of IPv6 has them in brackets", async () => {
    told = { six: ["fd00::2", "fd00::1", "fe80::1%eth0"] };
    const found = await servers(names(), await pool("kind: openai, urls: ['https://six']"));
    expect(found.urls).toEqual(["https://[fd00::1]", "https://[fd00::2]"]);
  });

  test("hands its rank offset and its bootstrap port to each of its addresses", async () => {
    told = { b: ["10.0.0.1", "10.0.0.2"] };
    const vllm = await pool(
      "kind: vllm, urls: ['http://a', 'http://b'], dataParallelSize: 8, rankOffsets: [0, 8]",
    );
    expect(await servers(names(), vllm)).toMatchObject({
      urls: ["http://a", "http://10.0.0.1", "http://10.0.0.2"],
      rankOffsets: [0, 8, 8],
    });
    const pair =
      "prefill: { urls: ['http://b', 'http://c'], bootstrapPorts: [1, 2] }, decode: { urls: ['http://d'] }";
    const { pools } = await names().expand(await pool(`kind: sglang, ${pair}`));
    expect(pools[0]).toMatchObject({
      prefill: { urls: ["http://10.0.0.1", "http://10.0.0.2", "http://c"], bootstrapPorts: [1, 1, 2] },
      decode: { urls: ["http://d"], bootstrapPorts: [] },
    });
  });

  test("that leads where another of the pool does stays as it is: no server is there twice", async () => {
    told = { a: ["10.0.0.1", "10.0.0.2"], b: ["10.0.0.2", "10.0.0.3"], c: ["10.0.0.3", "10.0.0.4"] };
    const config = await pool("kind: openai, urls: ['http://a', 'http://b', 'http://c', 'http://10.0.0.4']");
    const { urls } = await servers(names(), config);
    expect(urls).toEqual(["http://10.0.0.1", "http://10.0.0.2", "http://b", "http://c", "http://10.0.0.4"]);
  });
});

test("what cannot be looked up keeps its addresses, and that is said once", async () => {
  told = { a: ["10.0.0.2", "10.0.0.1"] };
  const config = await pool("kind: openai, urls: ['http://a', 'http://b']");
  const of = names();
  const before = await servers(of, config);
  expect(before.urls).toEqual(["http://10.0.0.1", "http://10.0.0.2", "http://b"]);
  told = { a: [], b: ["10.0.1.1"] };
  expect(await servers(of, config)).toEqual(before);
  told = { a: new Error("no"), b: ["10.0.1.1"] };
  expect(await servers(of, config)).toEqual(before);
  told = { a: ["10.0.0.1", "10.0.0.2"], b: ["10.0.1.1"] };
  expect(await servers(of, config)).toEqual(before);
  told = { a: ["10.0.0.3"], b: ["10.0.1.1"] };
  expect((await servers(of, config)).urls).toEqual(["http://a", "http://b"]);
  expect(said).toEqual([
    "a is 2 servers: 10.0.0.1, 10.0.0.2",
    "b cannot be looked up (ENOTFOUND); it is one server until it can be",
    "a cannot be looked up (no address); it stays 10.0.0.1, 10.0.0.2",
    "a is one server: 10.0.0.3",
  ]);
});

test("nothing is looked up where names are left alone", async () => {
  told = { a: ["10.0.0.1", "10.0.0.2"] };
  const config = await readConfig(
    "upstream: { resolveMs: 0 }\npools: [{ name: chat, models: [small], kind: openai, urls: ['http://a'] }]",
  );
  expect(await names().expand(config)).toBe(config);
});

describe("lookUp", () => {
  afterEach(() => void vi.restoreAllMocks());

  test.each([
    [
      [
        ["::1", 6],
        ["127.0.0.1", 4],
      ],
      ["127.0.0.1"],
    ],
    [
      [
        ["fd00::1", 6],
        ["fd00::2", 6],
      ],
      ["fd00::1", "fd00::2"],
    ],
    [[], []],
  ] as const)("%j: takes the addresses of one family", async (found, taken) => {
    const all = found.map(([address, family]) => ({ address, family }));
    const answer = (_name: string, _options: object, done: (error: null, all: object) => void) =>
      done(null, all);
    vi.spyOn(dns, "lookup").mockImplementation(answer as unknown as typeof dns.lookup);
    expect(await lookUp("engines.test")).toEqual(taken);
  });

  test("tells why there is none", async () => {
    await expect(lookUp("nowhere.invalid")).rejects.toThrow("nowhere.invalid");
  });
});
