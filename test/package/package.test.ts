import { once } from "node:events";
import { copyFile, mkdir, readFile, readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { ENTRY_MODULES } from "../../src/files/package-files.ts";
import { cliResult } from "../run-cli.ts";
import { pageExamples } from "../page-examples.ts";
import { InstalledPackage } from "./installed-package.ts";

const TRACE = fileURLToPath(new URL("../golden/traces/plimsoll.jsonl", import.meta.url));
const DUMP = fileURLToPath(new URL("../golden/engine-files/recorder-stat.pt", import.meta.url));

let installed: InstalledPackage;
let asInstalled: readonly string[];
beforeAll(async () => {
  installed = await InstalledPackage.install();
  asInstalled = await installed.state();
});
afterAll(async () => {
  await installed?.[Symbol.asyncDispose]();
});

/** Runs a command that must succeed. @returns the object it prints */
async function json(...args: readonly string[]) {
  const { code, stdout, stderr } = await installed.run(...args, "--json");
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** The first line of a command that starts so; what follows it. */
async function lineOf(input: NodeJS.ReadableStream, start: string): Promise<string> {
  for await (const line of createInterface({ input }))
    if (line.startsWith(start)) return line.slice(start.length).trim();
  throw new Error(`ended without a line that starts with ${start}`);
}

describe("what is in it", () => {
  test("everything that runs, and nothing that tests it", () => {
    const { files } = installed;
    for (const name of ["plimsoll", ...ENTRY_MODULES]) expect(files).toContain(`dist/node/${name}.js`);
    for (const name of ["LICENSE", "README.md", "config/default.yaml", "dist/dashboard/index.html"])
      expect(files).toContain(name);
    const other =
      /^(?!(?:config|deploy|docs|dist\/(?:dashboard|library|node))\/|src\/store\/redis\/\w+\.lua$)/;
    expect(files.filter((name) => other.test(name)).toSorted()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "package.json",
    ]);
    expect(files.filter((name) => /(?:^|\/)(?:test|harness|loadtest|\.ci)\//.test(name))).toEqual([]);
  });

  test("every module has a source map with its sources", async () => {
    const modules = installed.files.filter((name) => /^dist\/(?:node|library)\/.*\.js$/.test(name));
    expect(modules.length).toBeGreaterThan(ENTRY_MODULES.length);
    for (const name of modules) {
      const { sources, sourcesContent } = JSON.parse(await readFile(installed.path(`${name}.map`), "utf8"));
      expect([name, sourcesContent?.length]).toEqual([name, sources.length]);
    }
  });

  test("installing runs nothing of it", async () => {
    const { scripts } = JSON.parse(await readFile(installed.path("package.json"), "utf8"));
    for (const name of ["preinstall", "install", "postinstall", "prepare"])
      expect(scripts[name]).toBeUndefined();
    expect(await readdir(installed.folder.path("node_modules"))).not.toContain("vite");
  });
});

describe("the command line", () => {
  test("npx finds it", async () => {
    const { code, stdout } = await installed.npx("--version");
    expect([code, stdout]).toEqual([0, `${manifest.version}\n`]);
    expect((await installed.npx("--help")).stdout).toContain("Usage: plimsoll");
    const wrong = await installed.npx("place");
    expect([wrong.code, wrong.stderr.trim().split("\n").length]).toEqual([2, 1]);
  });

  test("says in a line that a Node is too old", async () => {
    const older = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'22.9.0'}})";
    const { code, stderr } = await installed.node(
      "--import",
      older,
      installed.path(manifest.bin),
      "--version",
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^plimsoll needs Node 24 or newer; this is v.*\n$/),
    ]);
  });

  test("places, converts, and inspects a trace", async () => {
    const { folder } = installed;
    const load = {
      load_history: [
        {
          logical_expert_load: [
            [900, 100, 100, 100],
            [1, 2, 3, 4],
          ],
        },
      ],
    };
    await folder.write("load.json", JSON.stringify(load));
    const pool = ["--nodes", "2", "--gpus-per-node", "1", "--slots-per-gpu", "3"];
    const placed = await json("place", "--load", "load.json", ...pool, "--out", "placement.json");
    expect(placed.balancedness).toBeCloseTo(1, 9);
    await json(
      "convert",
      "--from",
      "plimsoll",
      "--to",
      "vllm-ascend",
      "--in",
      "placement.json",
      "--out",
      "map.json",
    );
    expect(JSON.parse(await readFile(folder.path("map.json"), "utf8")).moe_layer_count).toBe(2);
    await copyFile(TRACE, folder.path("trace.jsonl"));
    expect((await json("replay", "inspect", "trace.jsonl")).format).toBe("plimsoll");
    expect((await json("models")).models.length).toBeGreaterThan(10);
  });

  test("plans, in threads", async () => {
    const asked = ["--model", "mixtral-8x7b", "--gpu", "h100", "--rate", "20", "--isl", "256", "--osl", "12"];
    const targets = ["--ttft-p95", "300", "--itl-p95", "25", "--max-gpus", "12", "--threads", "2"];
    expect((await json("plan", ...asked, ...targets)).answer.gpus).toBeLessThanOrEqual(12);
  });

  test("says in a line that a store cannot be reached, with its scripts loaded", async () => {
    const pools = "pools: [{ name: chat, kind: openai, models: [m], urls: ['http://127.0.0.1:9'] }]";
    await installed.folder.write("redis.yaml", `store: { url: 'redis://127.0.0.1:9/0' }\n${pools}\n`);
    const { code, stdout, stderr } = await installed.run("check", "--config", "redis.yaml");
    expect([code, `${stdout}${stderr}`]).toEqual([1, expect.stringContaining("redis://127.0.0.1:9")]);
    expect(`${stdout}${stderr}`).not.toContain("ENOENT");
  });

  test("the demo shows its dashboard, ends by itself and says what came of it", async () => {
    const sizes = ["--model", "gpt-oss-20b", "--topology", "1x2"];
    const demo = installed.start("demo", ...sizes, "--duration", "10", "--json", "--port", "0");
    const result = cliResult(demo);
    const url = await lineOf(demo.stderr, "dashboard ");
    const page = await (await fetch(url)).text();
    expect(page).toContain("Plimsoll");
    const script = /src="\.?\/?(?<path>assets\/[^"]+\.js)"/.exec(page)?.groups?.["path"];
    const answer = await fetch(new URL(script ?? "none", url));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      200,
      expect.stringContaining("javascript"),
    ]);
    const { code, stdout } = await result;
    expect([code, JSON.parse(stdout).model]).toEqual([0, "gpt-oss-20b"]);
  });
});

describe("a gateway", () => {
  const chat = (words: number, tokens: number) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "small",
      messages: [{ role: "user", content: "a word ".repeat(words) }],
      max_tokens: tokens,
      stream: true,
    }),
  });

  test("serves, solves, plans, answers what-ifs, records, and lets a stream finish when it is told to end", async () => {
    const { folder } = installed;
    await folder.write("model.yaml", stringify(SMALL_MODEL));
    await folder.write("topology.yaml", stringify(SMALL_TOPOLOGY));
    const pool = "{ name: demo, kind: simulated, model: model.yaml, topology: topology.yaml, seed: 1 }";
    await folder.write(
      "gateway.yaml",
      `http: { port: 0 }\ncapture: { directory: traces }\npools: [${pool}]\n`,
    );
    const gateway = installed.start("serve", "--config", "gateway.yaml");
    const over = cliResult(gateway);
    const url = /http:\/\/[\d.:]+/.exec(await lineOf(gateway.stdout, "listening"))?.[0] ?? "";
    const post = async (path: string, body: unknown) => {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      return [answer.status, await answer.json()];
    };
    expect((await fetch(`${url}/v1/chat/completions`, chat(5, 3))).status).toBe(200);
    expect(
      await post("/ep/v1/solve", { load: [[3, 1]], topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 } }),
    ).toMatchObject([200, { format: "plimsoll.placement/1" }]);
    const question = {
      model: "mixtral-8x7b",
      gpu: "h100",
      rate: 2,
      isl: 256,
      osl: 12,
      ttftP95: 300,
      itlP95: 25,
      maxGpus: 8,
    };
    expect(await post("/ep/v1/plan", question)).toMatchObject([
      200,
      { answer: { gpusPerUnit: expect.any(Number) } },
    ]);
    expect(await post("/ep/v1/what-if/demo", { what: "slots" })).toMatchObject([200, { gpus: null }]);
    const stream = await fetch(`${url}/v1/chat/completions`, chat(50, 40));
    gateway.kill("SIGTERM");
    expect(await stream.text()).toContain("data: [DONE]");
    expect((await over).code).toBe(0);
    const [trace] = await readdir(folder.path("traces"));
    expect((await json("replay", "inspect", `traces/${trace}`)).requests).toBe(2);
  });

  test("serves by several workers, which its command starts again from where it lies", async () => {
    const pools = "pools: [{ name: chat, kind: openai, models: [m], urls: ['http://127.0.0.1:9'] }]";
    await installed.folder.write("workers.yaml", `workers: 2\nhttp: { port: 0 }\n${pools}\n`);
    const gateway = installed.start("serve", "--config", "workers.yaml", "--json");
    const over = cliResult(gateway);
    const [line] = (await once(gateway.stdout, "data")) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { readonly url: string };
    expect((await fetch(`${url}/health`)).status).toBe(200);
    gateway.kill("SIGTERM");
    expect((await over).code).toBe(0);
  });

  test("is replayed against, by worker processes, from a scenario and for itself", async () => {
    const { folder } = installed;
    await folder.write(
      "scenario.yaml",
      `title: A try
shows: Something.
duration: 1500ms
gateway:
  pools: [{ name: demo, kind: simulated, model: gpt-oss-20b, topology: 1x2x20, seed: 1 }]
load:
  steady: { rate: 20, burstiness: 1000, isl: 20, osl: 2 }
thresholds: [{ that: failed == 0 }]
`,
    );
    await json("replay", "--scenario", "scenario.yaml", "--out", "played", "--workers", "2");
    const tested = await installed.run(
      "replay",
      "--self-test",
      "--concurrency",
      "3",
      "--step",
      "200ms",
      "--json",
    );
    expect(JSON.parse(tested.stdout).steps[0].answers).toBeGreaterThan(0);
  });

  test("reads dumps of SGLang's recorder in its thread", async () => {
    const { folder } = installed;
    const worker = JSON.stringify(installed.path("dist/node/engines/sglang/dump-worker.js"));
    await folder.write(
      "read-dump.js",
      `import { Worker } from "node:worker_threads";
const worker = new Worker(${worker});
worker.postMessage(process.argv[2]);
worker.once("message", ({ kind }) => { console.log(kind); void worker.terminate(); });
`,
    );
    expect((await installed.node("read-dump.js", DUMP)).stdout).toBe("load\n");
  });
});

describe("the library", () => {
  test("its one file imports nothing", async () => {
    const { exports } = manifest;
    const text = await readFile(installed.path(exports["."].default), "utf8");
    expect(text.match(/^import\b.*|^export\b.*\bfrom\b.*|\b(?:import|require)\(.*/gm)).toBeNull();
    expect(installed.files.filter((name) => /^dist\/library\/.*\.js$/.test(name))).toEqual([
      "dist/library/index.js",
    ]);
  });

  test("every example of its page runs, as TypeScript that a strict compiler takes and as JavaScript", async () => {
    const { folder } = installed;
    await mkdir(folder.path("examples"));
    const examples = pageExamples(await readFile(installed.path("docs/library.md"), "utf8"));
    expect(examples.length).toBeGreaterThan(2);
    for (const [i, { code }] of examples.entries()) await folder.write(`examples/example-${i}.ts`, code);
    const files = examples.map((_, i) => `examples/example-${i}.ts`);
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--target", "es2024", "--lib", "es2024,dom"];
    const node = ["--module", "nodenext", "--types", "", "--outDir", "examples"];
    const compiled = await installed.tool("tsc", "--ignoreConfig", ...strict, ...node, ...files);
    expect(compiled).toMatchObject({ code: 0, stdout: "" });
    for (const [i, { printed }] of examples.entries())
      expect((await installed.node(`examples/example-${i}.js`)).stdout).toBe(printed);
  });

  test("a wrong call does not compile", async () => {
    await installed.folder.write(
      "wrong.ts",
      'import { place } from "plimsoll";\nplace({ load: [["a"]] });\n',
    );
    const { code, stdout } = await installed.tool(
      "tsc",
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--types",
      "",
      "--module",
      "nodenext",
      "wrong.ts",
    );
    expect([code, stdout]).not.toEqual([0, ""]);
    expect(stdout).toMatch(/wrong\.ts\(2,\d+\): error TS2/);
  });
});

test("nothing was written where the package lies", async () => {
  expect(await installed.state()).toEqual(asInstalled);
  // The stranger's own folder has what the commands were asked to write; a process that ended left nothing else.
  expect(await once(installed.start("--version"), "close")).toEqual([0, null]);
});
