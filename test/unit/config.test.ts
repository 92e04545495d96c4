import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { loadModel, loadTopology } from "../../src/config/shapes.ts";
import { expertBytes, kvBytesPerToken, moeLayers } from "../../src/model/moe-model.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { type ScratchFolder, scratchFolder } from "../scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

function file(text: string): Promise<string> {
  return folder.write("gateway.yaml", text);
}

const onePool = "pools: [{name: chat, kind: openai, models: [m], urls: ['http://127.0.0.1:1']}]";

describe("shipped shapes", () => {
  test("DeepSeek-V3 agrees with its published derived figures", async () => {
    const model = await loadModel("deepseek-v3");
    expect(moeLayers(model)).toBe(58);
    expect(kvBytesPerToken(model)).toBe(70_272);
    expect(expertBytes(model)).toBe(3 * 7168 * 2048 + 3 * 56 * 16 * 4);
  });

  test("ep32 has 288 slots on 32 GPUs", async () => {
    const topology = await loadTopology("ep32");
    expect([gpuCount(topology), slotCount(topology)]).toEqual([32, 288]);
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

  test.each(["two-pools", "reported-experts"])("the example %s is a configuration", async (name) => {
    const path = fileURLToPath(new URL(`../../config/examples/${name}.yaml`, import.meta.url));
    expect((await loadConfig(path)).pools[0]).toMatchObject({ name: "chat", kind: "openai" });
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
    ["http: 3", "http is 3; expected object"],
    ["pools: []", "pools is []; "],
    ["pools: [{name: a, kind: triton}]", 'pools[0].kind is "triton"'],
    ["pools: [{name: a, kind: openai, models: [m]}]", "pools[0].urls is missing; expected array"],
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
      "nope.yaml: cannot be read (ENOENT)",
    ],
    [
      `${onePool.slice(0, -1)}, {name: chat, kind: openai, models: [n], urls: ['http://x']}]`,
      'pools[1].name is "chat" again',
    ],
    [
      `${onePool.slice(0, -1)}, {name: b, kind: openai, models: [m], urls: ['http://x']}]`,
      'pools[1] serves "m" as pool "chat" does',
    ],
  ])("%s is refused in one line", async (text, message) => {
    const path = await file(text);
    const error = await loadConfig(path).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "InputError", message: expect.stringContaining(message) as string });
    expect((error as Error).message).not.toContain("\n");
  });

  test("a bad variable is named, not the file", async () => {
    await expect(loadConfig(await file(onePool), { PLIMSOLL_HTTP_PORT: "eighty" })).rejects.toThrow(
      'PLIMSOLL_HTTP_PORT: http.port is "eighty"; expected number',
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
