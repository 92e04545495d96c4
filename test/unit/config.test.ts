import { dirname, join } from "node:path";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { configJsonSchema } from "../../src/config/json-schema.ts";
import { defaultSettings, loadConfig } from "../../src/config/load-config.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { readYaml } from "../../src/config/yaml-file.ts";
import { expertBytes, kvBytesPerToken } from "../../src/model/moe-model.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { EQUAL_PART } from "../../src/model/server-part.ts";

const EXAMPLE_FOLDER = new URL("../../config/examples/", import.meta.url);
const EXAMPLES = readdirSync(EXAMPLE_FOLDER);

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

function file(text: string): Promise<string> {
  return folder.write("gateway.yaml", text);
}

const PLAIN = { host: null, authorization: null, tls: null };

const simulated = "pools: [{name: demo, kind: simulated, model: deepseek-v3, topology: ep32, seed: 1}]";

const onePool = "pools: [{name: chat, kind: openai, models: [m], urls: ['http://127.0.0.1:1']}]";

/** Beside two pools, one with the model `m`, one with `n`. */
const withModels = (models: string) =>
  `${onePool.slice(0, -1)}, {name: b, kind: openai, models: [n], urls: ['http://x']}]\nmodels: ${models.startsWith("{") ? models : `{ ${models} }`}`;

/** A model of several pools, the experts of each as written, and how its requests go by them. */
const withLocality = (locality: string, ...experts: string[]) => {
  const pools = experts.map(
    (group, i) => `{name: p${i}, kind: vllm, models: [m], urls: ['http://x${i}'], experts: ${group}}`,
  );
  return `pools: [${pools.join(", ")}]\nmodels: { m: { locality: ${locality} } }`;
};
const V3 = "{ model: deepseek-v3, topology: 1x8x52, routedExperts: 0.1 }";
const SILENT = "{ model: deepseek-v3, topology: 1x8x52 }";

/** A pool of one server with more settings. */
const oneServer = (kind: string, more: string) =>
  `pools: [{name: a, kind: ${kind}, models: [m], urls: ['http://x'], ${more}}]`;

const pair = (more: string) =>
  `pools: [{name: a, kind: vllm, models: [m], prefill: {urls: ['http://p']}, ${more}}]`;

describe("shipped shapes", () => {
  test("DeepSeek-V3 agrees with its published derived figures", async () => {
    const model = await loadModel("deepseek-v3");
    expect(model.moeLayers.length).toBe(58);
    expect(kvBytesPerToken(model)).toBe(70_272);
    expect(expertBytes(model)).toBe(3 * 7168 * 2048 + 3 * 56 * 16 * 4);
  });

  test.each([
    ["layers: 0", "layers is 0; "],
    ["topk: 200", "topk is 200; expected at most the 128 experts of the chosen groups"],
    ["groups: 7", "groups is 7; expected a divisor of the 256 experts"],
    ["surprise: 1", "has no setting `surprise`"],
  ])("a model file with %s is refused", async (line, message) => {
    const { source: _, ...model } = await loadModel("deepseek-v3");
    const [key, value] = line.split(": ");
    const path = await file(JSON.stringify({ ...model, source: "test", [key]: Number(value) }));
    await expect(loadModel(path)).rejects.toThrow(message);
  });
});

describe("loadConfig", () => {
  test("the defaults alone are a configuration", async () => {
    const config = await loadConfig(null);
    expect(config.pools.map((pool) => [pool.name, pool.kind, pool.models])).toEqual([
      ["demo", "simulated", ["deepseek-v3"]],
    ]);
  });

  test.each(EXAMPLES)("the example %s is a configuration, and its schema says so too", async (name) => {
    const path = fileURLToPath(new URL(name, EXAMPLE_FOLDER));
    const config = await loadConfig(path, {
      ENGINE_API_KEY: "sesame",
      PLIMSOLL_KEY: "an operator",
      KUBERNETES_SERVICE_HOST: "10.96.0.1",
    });
    expect(config.pools[0]).toMatchObject({ name: "chat", models: ["deepseek-v3"] });
    const schema = z.fromJSONSchema(await configJsonSchema());
    expect(schema.safeParse(await readYaml(path)).error).toBeUndefined();
  });

  test("the schema tells what is no configuration, and every default", async () => {
    const defaults = await defaultSettings();
    const schema = z.fromJSONSchema(await configJsonSchema());
    expect(schema.safeParse({ http: { prot: 1 } }).success).toBe(false);
    expect(schema.safeParse({ pools: [{ name: "a", kind: "openai", urls: ["http://a"] }] }).success).toBe(
      false,
    );
    const pools = [{ name: "a", kind: "openai", models: ["m"], urls: ["http://a"] }];
    expect(schema.safeParse({ http: {} }).success).toBe(false);
    expect(
      schema.parse({ pools, http: { tls: {}, admin: { tls: {} } }, admission: { total: {} } }),
    ).toMatchObject({
      http: defaults["http"],
      admission: { total: { maxInFlight: 4096 } },
    });
  });

  test("the schema says what a setting means", async () => {
    const schema = await configJsonSchema();
    expect(schema).toMatchObject({
      properties: {
        workers: { description: expect.stringContaining("Local workers: processes that serve") as string },
        http: { properties: { port: { description: "0 takes a free one", default: 8080 } } },
        models: {
          additionalProperties: { properties: { aliases: { description: "other names for it" } } },
        },
      },
    });
    const { items } = (schema["properties"] as { pools: { items: { oneOf: object[] } } }).pools;
    expect(items.oneOf).toContainEqual(
      expect.objectContaining({
        properties: expect.objectContaining({
          kind: { type: "string", const: "vllm" },
          dataParallelSize: expect.objectContaining({
            description: "ranks of each server that requests can be pinned to; each is a shard (default 1)",
          }) as object,
        }) as object,
      }),
    );
  });

  test.each(EXAMPLES)("an editor finds the schema of the example %s", async (name) => {
    const text = await readFile(new URL(name, EXAMPLE_FOLDER), "utf8");
    expect(text.split("\n", 1)).toEqual(["# yaml-language-server: $schema=../schema.json"]);
  });

  test("engines with ranks, keys and limits", async () => {
    const example = (name: string) =>
      loadConfig(fileURLToPath(new URL(name, EXAMPLE_FOLDER)), {
        ENGINE_API_KEY: "sesame",
        PLIMSOLL_KEY: "an operator",
      });
    expect((await example("vllm-ranks.yaml")).pools).toEqual([
      {
        kind: "vllm",
        name: "chat",
        models: ["deepseek-v3"],
        policy: "expert-aware",
        maxRequestsPerShard: 256,
        apiKey: null,
        servers: {
          urls: ["http://10.0.0.1:8000", "http://10.0.0.2:8000"],
          access: [PLAIN, PLAIN],
          names: [null, null],
          parts: [EQUAL_PART, EQUAL_PART],
          discover: null,
          dataParallelSize: 8,
          rankOffsets: [0, 8],
          bootstrapPorts: [],
        },
        experts: null,
        routedExperts: 0,
        recorder: null,
      },
    ]);
    expect((await example("sglang.yaml")).pools[0]).toMatchObject({
      kind: "sglang",
      policy: "cache-aware",
      apiKey: "sesame",
      servers: { dataParallelSize: 8, rankOffsets: [0, 0] },
    });
  });

  test("prefill and decode servers of their own", async () => {
    const one = {
      access: [PLAIN],
      names: [null],
      parts: [EQUAL_PART],
      discover: null,
      dataParallelSize: 1,
      rankOffsets: [0],
      bootstrapPorts: [],
    };
    const path = await file(
      "pools: [{name: a, kind: sglang, models: [m], prefill: {urls: ['http://p']}, decode: {urls: ['http://d']}}]",
    );
    expect((await loadConfig(path)).pools).toEqual([
      {
        kind: "disaggregated",
        engine: "sglang",
        name: "a",
        models: ["m"],
        maxRequestsPerShard: 0,
        apiKey: null,
        prefill: { urls: ["http://p"], ...one, bootstrapPorts: [8998] },
        decode: { urls: ["http://d"], ...one },
        prefillPolicy: "prefill",
        decodePolicy: "decode",
      },
    ]);
  });

  test("a model's locality has a band of 5 % and all sessions where it does not say, and off is none", async () => {
    const localityIn = async (text: string) => (await loadConfig(await file(text))).models[0].locality;
    expect(await localityIn(withLocality("{ mode: on }", V3, SILENT))).toEqual({
      mode: "on",
      percent: 100,
      switchbackMinutes: null,
      loadBand: 0.05,
    });
    expect(await localityIn(withLocality("{ mode: off, percent: 3 }", V3))).toBeNull();
  });

  test("what a tenant leaves out is every tenant's", async () => {
    const path = await file(
      `admission: {tenant: {maxInFlight: 7}, tenants: {constructor: {priority: -3}}}\n${onePool}`,
    );
    const { tenant, tenants } = (await loadConfig(path)).admission;
    expect(Object.entries(tenants)).toEqual([["constructor", { ...tenant, maxInFlight: 7, priority: -3 }]]);
  });

  test("traces lie beside the file that names their folder, and a salt is no short word", async () => {
    const path = await file(`capture: { directory: traces, saltEnv: SALT, text: true }\n${onePool}`);
    const SALT = "0123456789abcdef";
    const { capture, notes } = await loadConfig(path, { SALT });
    expect(capture).toMatchObject({
      directory: join(dirname(path), "traces"),
      salt: SALT,
      sample: 1,
      names: false,
    });
    expect(notes).toEqual([expect.stringContaining("capture.text: is true: whole requests")]);
    const short = loadConfig(path, { SALT: "word" });
    await expect(short).rejects.toThrow(
      "capture.saltEnv names a variable with 4 characters; expected 16 or more",
    );
    await expect(short).rejects.not.toThrow("word");
    const { salt, directory } = (await loadConfig(await file(onePool), { SALT })).capture;
    expect([salt, directory]).toEqual([null, null]);
  });

  test("the file wins over the defaults, the environment over the file", async () => {
    const path = await file(`http: {port: 1, host: '::1'}\n${onePool}`);
    const config = await loadConfig(path, {
      PLIMSOLL_HTTP_PORT: "2",
      PLIMSOLL_ADMISSION_QUEUE_MAX_WAITING: "3",
      PLIMSOLL_TENANCY_PRIORITY_HEADER: "x-rank",
      PLIMSOLL_WORKERS: "4",
      PLIMSOLL_PORT: "tcp://x",
    });
    expect(config.http).toMatchObject({ port: 2, host: "::1", logLevel: "warn" });
    expect(config.admission.queue).toEqual({ maxWaiting: 3, maxWaitMs: 10_000 });
    expect(config.tenancy.priorityHeader).toBe("x-rank");
    expect(config.workers).toBe(4);
  });

  test.each([
    ["http: {port: 70000}", "http.port is 70000; "],
    ["http: {prot: 1}", "http has no setting `prot`"],
    ["http: 3", "http is 3; expected a mapping of settings"],
    ["pools: []", "pools is an empty list; expected the pools to serve"],
    ["http: {port: 1}", "pools is missing; expected the pools to serve"],
    ["pools: [{name: a, kind: triton}]", 'pools[0].kind is "triton"'],
    ["pools: [{name: a, kind: openai, models: [m]}]", "pools[0].urls is missing; expected the servers, or"],
    [
      "pools: [{name: a, kind: openai, models: [m], urls: ['ftp://x']}]",
      'pools[0].urls[0] is "ftp://x"; expected a URL',
    ],
    [
      "pools: [{name: a b, kind: openai, models: [m], urls: ['http://x']}]",
      'pools[0].name is "a b"; expected letters',
    ],
    ["pools: [1", "is not valid YAML"],
    ["- 1", "is not a mapping"],
    ["a: *b", "is not valid YAML"],
    [
      "pools: [{name: a, kind: simulated, model: nope, topology: ep32, seed: 1}]",
      'pools[0].model is "nope"; expected a model\'s name, or a file that ends in .yaml: config/models has deepseek-r1',
    ],
    [
      `${onePool.slice(0, -1)}, {name: chat, kind: openai, models: [n], urls: ['http://x']}]`,
      'pools[1].name is "chat" again',
    ],
    [
      `${onePool.slice(0, -1)}, {name: b, kind: openai, models: [m, m], urls: ['http://x']}]`,
      'pools[1].models[1] is "m" again; expected each model once',
    ],
    [
      withModels("m: { pools: [{ pool: chta }] }"),
      'models.m.pools[0].pool is "chta", which there is not; did you mean `chat`?',
    ],
    [
      withModels("m: { pools: [{ pool: b }] }"),
      'models.m.pools[0] names pool "b", which does not serve "m"; expected `model:` with its name there: n',
    ],
    [withModels("m: { pools: [{ pool: chat }, { pool: chat }] }"), 'models.m.pools[1].pool is "chat" again'],
    [
      withModels("m: { pools: [{ pool: chat, weight: -1 }] }"),
      "models.m.pools[0].weight is -1; expected at least 0",
    ],
    [
      withModels("m: { pools: [{ pool: chat, weight: 0 }, { pool: b, model: n, weight: 0 }] }"),
      "models.m.pools has no weight above 0",
    ],
    [
      withModels("m: { pools: [{ pool: chat, header: { te: x } }] }"),
      "models.m.pools[0].header names te, which proxies take off",
    ],
    [
      withModels("m: { pools: [{ pool: chat, header: { X-Canary: x } }] }"),
      "expected a header's name in small letters",
    ],
    [withModels("m: { shadow: { pool: b } }"), 'models.m.shadow names pool "b", which does not serve "m"'],
    [
      withModels("m: { shadow: { pool: b, model: n, part: 2 } }"),
      "models.m.shadow.part is 2; expected at most 1",
    ],
    [
      withModels("m: { fallback: [b], shadow: { pool: b, model: n } }"),
      'models.m.shadow.pool is "b", which serves the model to clients; expected another pool',
    ],
    [withModels("m: { shadow: { pool: chat } }"), "models.m is in the `models` of no pool"],
    [withModels("m: { aliases: [n] }"), 'models.m.aliases[0] is "n", which is a model itself'],
    [
      withModels("{ m: { aliases: [x] }, n: { aliases: [x] } }"),
      'models.n.aliases[0] is "x", as for "m" too',
    ],
    [withModels("o: {}"), "models.o is in the `models` of no pool"],
    [withModels("m: { fallback: [chat] }"), 'models.m.fallback[0] is "chat", which serves the model anyway'],
    [
      withModels("m: { fallback: [nn] }"),
      'models.m.fallback[0] is "nn", which there is not; did you mean `n`?',
    ],
    [withModels("m: { fallback: [m] }"), 'models.m.fallback leads back to "m": m → m; expected no loop'],
    [
      withModels("{ m: { fallback: [n] }, n: { fallback: [m] } }"),
      'models.m.fallback leads back to "m": m → n → m; expected no loop',
    ],
    [
      withModels("m: { defaults: { stream: true } }"),
      "models.m.defaults.stream is each client's own; remove it",
    ],
    [
      withModels("m: { defaults: { max_tokens: 9 }, limits: { maxTokens: 8 } }"),
      "models.m.defaults.max_tokens is 9; expected at most `limits.maxTokens`, which is 8",
    ],
    [
      withModels("m: { defaults: { max_tokens: 1, max_completion_tokens: 1 } }"),
      "models.m.defaults.max_completion_tokens is said by `max_tokens` too",
    ],
    [
      withLocality("{ mode: on }", V3),
      "models.m.locality needs several pools to choose from; the model has one",
    ],
    [withLocality("{ mode: maybe }", V3, V3), "models.m.locality.mode is"],
    [
      withLocality("{ mode: on, percent: 101 }", V3, V3),
      "models.m.locality.percent is 101; expected at most 100",
    ],
    [withLocality("{ mode: on, loadBand: 0 }", V3, V3), "models.m.locality.loadBand is 0"],
    [
      withLocality("{ mode: on, percent: 5, switchbackMinutes: 9 }", V3, V3),
      "models.m.locality.switchbackMinutes divides by time, and `percent` by session; expected one of the two",
    ],
    [
      withLocality("{ mode: shadow, switchbackMinutes: 9 }", V3, V3),
      "models.m.locality.switchbackMinutes is for `mode: on`",
    ],
    [withLocality("{ mode: shadow, percent: 9 }", V3, V3), "models.m.locality.percent is for `mode: on`"],
    [
      withLocality("{ mode: shadow }", SILENT, SILENT),
      "models.m.locality needs a pool whose answers name the experts of their tokens",
    ],
    [
      withLocality("{ mode: shadow }", V3, V3.replace("deepseek-v3", "kimi-k2")),
      'models.m.locality has the experts of deepseek-v3 in pool "p0", and those of kimi-k2 in "p1"; expected one model',
    ],
    [withModels("m: { aliase: [x] }"), "models.m has no setting `aliase`; did you mean `aliases`?"],
    ["workers: 0", "workers is 0; "],
    [
      `store: { url: 'redis://localhost' }\n${simulated}`,
      'pools[0].kind is "simulated", which no other gateway can share; expected a `store.url` that is not Redis',
    ],
    [
      `control: { stagingBytes: 1000 }\n${simulated}`,
      "control.stagingBytes is 1000; expected at least 396458496, one layer of deepseek-v3 on a GPU of demo",
    ],
    [
      `http: { operatorKeyEnv: NOT_SET }\n${onePool}`,
      "http.operatorKeyEnv names NOT_SET, which is not set; expected a variable that holds the key",
    ],
    [
      `workers: 4\ncapture: { directory: t, maxFiles: 4 }\n${onePool}`,
      "capture.maxFiles is 4; expected more than `workers`, which is 4: each writes to one",
    ],
    [
      `capture: { directory: t, saltEnv: NOT_SET }\n${onePool}`,
      "capture.saltEnv names NOT_SET, which is not set",
    ],
    [`capture: { blockTokens: 100 }\n${onePool}`, "capture.blockTokens is 100; expected a multiple of 64"],
    [`capture: { sample: 0 }\n${onePool}`, "capture.sample is 0; expected"],
    [
      `workers: 2\n${simulated}`,
      'pools[0].kind is "simulated", which one process models by itself; expected `workers: 1`',
    ],
    [
      `http: {headersTimeoutMs: 9, bodyTimeoutMs: 8}\n${onePool}`,
      "http.headersTimeoutMs is 9; expected at most `http.bodyTimeoutMs`",
    ],
    [
      `retry: {baseMs: 2000}\n${onePool}`,
      "retry.baseMs is 2000; expected at most `retry.maxMs`, which is 1000",
    ],
    [`health: {circuit: {openMs: 100000}}\n${onePool}`, "health.circuit.openMs is 100000; expected at most"],
    [`health: {outlier: {maxEjectMs: 1}}\n${onePool}`, "health.outlier.ejectMs is 10000; expected at most"],
    ["health: {slowStart: {floor: 0}}", "health.slowStart.floor is 0; "],
    ["tenancy: {header: X Tenant}", 'tenancy.header is "X Tenant"; expected a header\'s name'],
    ["admission: {tenant: {requestsPerSecond: -1}}", "admission.tenant.requestsPerSecond is -1; "],
    ["admission: {tenants: {a: {tokensPerMinute: -1}}}", "admission.tenants.a.tokensPerMinute is -1; "],
    ["admission: {tenants: {a: {priority: 101}}}", "admission.tenants.a.priority is 101; "],
    ["routing: {policy: fastest}", 'routing.policy is "fastest"; '],
    ["routing: {prefixIndexBytes: 4096}", "routing.prefixIndexBytes is 4096; "],
    [oneServer("openai", "dataParallelSize: 2"), "pools[0] has no setting `dataParallelSize`"],
    [oneServer("sglang", "dataParallelSize: 0"), "pools[0].dataParallelSize is 0; "],
    [
      oneServer("vllm", "rankOffsets: [0, 8]"),
      "pools[0].rankOffsets has 2 numbers; expected one for each of 1 URLs",
    ],
    [
      oneServer("vllm", "apiKeyEnv: sk-123"),
      "pools[0].apiKeyEnv is not shown, for it may be a key or hold a password; expected the name of",
    ],
    [oneServer("vllm", "apiKeyEnv: ENGINE_KEY"), "pools[0].apiKeyEnv names ENGINE_KEY, which is not set"],
    [oneServer("vllm", "apiKeyEnv: a1b2c3d4"), "pools[0].apiKeyEnv names a variable, which is not set"],
    [
      oneServer("vllm", "decodePolicy: decode"),
      "pools[0].decodePolicy is for pools with `prefill` and `decode`",
    ],
    [oneServer("vllm", "decode: {urls: ['http://d']}"), "pools[0].prefill is missing; "],
    [pair("policy: prefill"), "pools[0].decode is missing; "],
    [pair("decode: {urls: ['http://d']}, policy: prefill"), "pools[0].policy is for pools without `prefill`"],
    [
      pair("decode: {urls: ['http://p']}"),
      'pools[0] names http://p as pool "a" does; expected each server once',
    ],
    ["pools: [{name: a, kind: vllm, models: [m]}]", "pools[0].urls is missing; expected the servers, or"],
    [
      "pools: [{name: a, kind: sglang, models: [m], prefill: {urls: ['http://p'], bootstrapPorts: []}, decode: {urls: ['http://d']}}]",
      "pools[0].prefill.bootstrapPorts has 0 numbers; expected one for each of 1 URLs",
    ],
    [
      `${onePool.slice(0, -1)}, {name: b, kind: openai, models: [n], urls: ['http://127.0.0.1:1/']}]`,
      'pools[1] names http://127.0.0.1:1 as pool "chat" does',
    ],
  ])("%s is refused in one line", async (text, message) => {
    const path = await file(text);
    const error = await loadConfig(path).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "InputError", message: expect.stringContaining(message) as string });
    expect((error as Error).message).not.toContain("\n");
  });

  test("a setting that is null by default is given by a variable, of its own type", async () => {
    const given = { PLIMSOLL_PICKER_PORT: "0", PLIMSOLL_CONTROL_STAGING_BYTES: "1000000000" };
    const more = { PLIMSOLL_CAPTURE_DIRECTORY: "2026", PLIMSOLL_HTTP_CORS_ORIGINS: "*" };
    expect(await loadConfig(await file(onePool), { ...given, ...more })).toMatchObject({
      picker: { port: 0 },
      control: { stagingBytes: 1_000_000_000 },
      capture: { directory: expect.stringMatching(/2026$/) as string },
      http: { corsOrigins: "*" },
    });
  });

  test("a bad variable is named, not the file", async () => {
    await expect(loadConfig(await file(onePool), { PLIMSOLL_HTTP_PORT: "eighty" })).rejects.toThrow(
      'PLIMSOLL_HTTP_PORT: http.port is "eighty"; expected a number',
    );
  });

  test("a topology too small for its model is refused", async () => {
    const small = await folder.write("small.yaml", "nodes: 1\ngpusPerNode: 8\nslotsPerGpu: 31\n");
    const path = await file(
      `pools: [{name: a, kind: simulated, model: deepseek-v3, topology: ${small}, seed: 1}]`,
    );
    await expect(loadConfig(path)).rejects.toThrow(
      "pools[0].topology has 248 slots; expected at least the 256 experts",
    );
  });
});
