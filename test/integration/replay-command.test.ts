import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cliResult, MAIN, runCli, startCli } from "../run-cli.ts";
import { resultHere } from "../run-here.ts";
import { scriptedServer, stream } from "../../harness/fakes/scripted-server.ts";

/** Runs a command under a terminal of its own; part of every Debian (bsdutils). */
const PSEUDO_TERMINAL = "script";
const CTRL_C = "\u0003";

/** A server that answers its list of models only. */
async function listing(
  answer: (response: ServerResponse) => void,
): Promise<AsyncDisposable & { href: string }> {
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    href: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const AZURE = [
  "TIMESTAMP,ContextTokens,GeneratedTokens",
  "2023-11-16 18:15:46.6800000,20,3",
  "2023-11-16 18:15:46.6900000,30,4",
  "2023-11-16 18:15:46.7000000,40,5",
].join("\r\n");

const MOONCAKE = [
  { timestamp: 0, input_length: 600, output_length: 2, hash_ids: [0, 1] },
  { timestamp: 5, input_length: 700, output_length: 2, hash_ids: [0, 2] },
]
  .map((line) => JSON.stringify(line))
  .join("\n");

/** What a run leaves. */
const FILES = [
  "benchmark_report_v0.2.1.json",
  "profile_export.jsonl",
  "profile_export_aiperf.json",
  "report.html",
  "report.json",
  "requests.jsonl",
  "results.json",
];

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-replay-"));
  await writeFile(at("azure.csv"), AZURE);
  await writeFile(at("mooncake.jsonl"), MOONCAKE);
  const broken = "\r\n2023-11-16 18:15:46.7100000,many,5";
  await writeFile(at("broken.csv"), `${AZURE}${broken}`);
  await writeFile(at("all-broken.csv"), `${AZURE.split("\r\n")[0]}${broken}${broken}`);
  await writeFile(at("cut.gz"), gzipSync(AZURE).subarray(0, 60));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("the replay command", () => {
  it("replays an Azure trace and writes a report that agrees with what it prints", async () => {
    await using server = await scriptedServer(stream);
    const out = at("azure");
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", out, "--json"];
    const { code, stdout } = await runCli("replay", ...args);

    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      model: "m1",
      completed: 3,
      failed: 0,
      total_input_tokens: 90,
      total_output_tokens: 12,
    });
    expect(JSON.parse(await readFile(join(out, "report.json"), "utf8"))).toEqual(report);
    const lines = (await readFile(join(out, "requests.jsonl"), "utf8")).trimEnd().split("\n");
    const requests = lines.map((line) => JSON.parse(line) as { index: number; output_len: number });
    const lengths = requests.toSorted((a, b) => a.index - b.index).map((request) => request.output_len);
    expect(lengths).toEqual([3, 4, 5]);
  });

  it("repeats the shared prefixes of a Mooncake trace", async () => {
    await using server = await scriptedServer(stream);
    const args = ["--trace", at("mooncake.jsonl"), "--url", server.url.href, "--out", at("mooncake")];
    const { code, stdout } = await resultHere("replay", ...args, "--model", "m2");

    expect(code).toBe(0);
    expect(stdout).toContain("2 requests completed, 0 failed");
    expect(server.bodies.map((body) => body.model)).toEqual(["m2", "m2"]);
    const [a, b] = server.bodies.map((body) => body.messages[0].content.split(" "));
    expect(a.slice(0, 512)).toEqual(b.slice(0, 512));
    expect(a.slice(512)).not.toEqual(b.slice(512));
  });

  it("ends with the report of what ran on Ctrl-C", async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200).flushHeaders();
      asked.resolve();
    });
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("stopped"), "--json"];
    const child = startCli("replay", ...args, "--max-in-flight", "1");
    const result = cliResult(child);
    await asked.promise;
    child.kill("SIGINT");
    const { code, stdout, stderr } = await result;
    expect(code).toBe(130);
    const report = JSON.parse(stdout) as unknown;
    expect(report).toMatchObject({ sent: 1, completed: 0, failed: 0, cancelled: 1, partial: "interrupted" });
    expect(stderr).toContain(`interrupted: ${at("stopped")} holds what ran until then\n`);
    expect(JSON.parse(await readFile(join(at("stopped"), "report.json"), "utf8"))).toEqual(report);
    expect(await readFile(join(at("stopped"), "requests.jsonl"), "utf8")).toMatch(/"error":"cancelled".*\n$/);
    expect(await readFile(join(at("stopped"), "profile_export.jsonl"), "utf8")).toMatch(
      /"was_cancelled":true/,
    );
    expect(await readFile(join(at("stopped"), "report.html"), "utf8")).toContain(
      "The run is partial: interrupted.",
    );
    expect(await readFile(join(at("stopped"), "profile_export_aiperf.json"), "utf8")).toMatch(
      /"was_cancelled": true/,
    );
  });

  it("ends with the report of what ran where its terminal ends", async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200).flushHeaders();
      asked.resolve();
    });
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("hung-up")];
    const child = startCli("replay", ...args);
    const exited = once(child, "exit");
    await asked.promise;
    // Nobody reads what it says any more.
    child.stdout.destroy();
    child.stderr.destroy();
    child.kill("SIGHUP");
    expect(await exited).toEqual([130, null]);
    const report = JSON.parse(await readFile(join(at("hung-up"), "report.json"), "utf8")) as object;
    expect(report).toMatchObject({ completed: 0, partial: "interrupted" });
    expect((await readdir(at("hung-up"))).toSorted()).toEqual(FILES);
  });

  it("says what was measured where its files cannot be written in the end", async () => {
    await using server = await scriptedServer(async (body, response) => {
      await rm(at("gone"), { recursive: true, force: true });
      void stream(body, response);
    });
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("gone")];
    const { code, stdout, stderr } = await resultHere("replay", ...args);
    expect(code).toBe(2);
    expect(stdout).toContain("3 requests completed, 0 failed");
    expect(stderr).toMatch(/gone\/requests\.jsonl: cannot be written \(ENOENT\); name a writable place\n$/);
    const curve = ["--isl", "5", "--osl", "2", "--sweep", "rate=100", "--requests", "2", "--settle", "0"];
    const swept = await resultHere("replay", ...curve, "--url", server.url.href, "--out", at("gone"));
    expect(swept.code).toBe(2);
    expect(swept.stdout).toContain("100");
  });

  it("has not done what it was asked where it counted no request", async () => {
    await using server = await scriptedServer(stream);
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("warm-only")];
    const { code, stderr } = await resultHere("replay", ...args, "--warm-up", "50");
    expect(stderr).toContain("Nothing was measured: all 3 requests were of the warm-up.\n");
    expect(code).toBe(1);
  });

  it("is done where only what is late is cut by Ctrl-C", async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200).flushHeaders();
      setTimeout(asked.resolve, 100);
    });
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("late"), "--json"];
    const child = startCli("replay", ...args, "--duration", "0.005");
    const result = cliResult(child);
    await asked.promise;
    child.kill("SIGINT");
    const { code, stdout } = await result;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sent: 1, cancelled: 1, partial: "interrupted" });
  });

  // On a terminal of the command's own, where Ctrl-C and the restoring of the cursor meet.
  it.runIf(process.platform === "linux")(
    "ends with its report on Ctrl-C under the live view too",
    async () => {
      await using server = await scriptedServer((_, response) => response.writeHead(200).flushHeaders());
      const flags = `--trace ${at("azure.csv")} --url ${server.url.href} --out ${at("terminal")}`;
      const command = `stty columns 80 rows 24; exec ${process.execPath} ${MAIN} replay ${flags}`;
      const terminal = spawn(PSEUDO_TERMINAL, [
        "--quiet",
        "--return",
        "--flush",
        "--command",
        command,
        "/dev/null",
      ]);
      const closed = once(terminal, "close");
      let view = "";
      terminal.stdout.setEncoding("utf8");
      for await (const part of terminal.stdout as AsyncIterable<string>) {
        const running = view.includes("3 in flight");
        view += part;
        if (!running && view.includes("3 in flight")) terminal.stdin.write(CTRL_C);
      }

      expect(view).toContain("0 requests completed, 0 failed, 3 cancelled");
      expect(await closed).toEqual([130, null]);
    },
  );

  it("exits 2 with one line when the server cannot be reached, 1 when it fails every request", async () => {
    const gone = await scriptedServer(stream);
    await gone[Symbol.asyncDispose]();
    const args = ["--trace", at("azure.csv"), "--out", at("failed")];
    const unreachable = await resultHere("replay", ...args, "--url", gone.url.href);
    expect(unreachable).toMatchObject({ code: 2, stdout: "" });
    expect(unreachable.stderr).toBe(`${gone.url.href}: cannot be reached (ECONNREFUSED)\n`);

    await using broken = await scriptedServer((_, response) => void response.writeHead(500).end());
    const failing = await resultHere("replay", ...args, "--url", broken.url.href);
    expect(failing.code).toBe(1);
    expect(failing.stdout).toContain("3 × http_500");
    expect(failing.stderr).toMatch(/failed every request\n$/);
  });

  it("says before and in its report how else a trace may be meant, once", async () => {
    const rows = [0, 0.2, 0.4, 0.6].map((timestamp) => ({ timestamp, input_length: 5, output_length: 2 }));
    await writeFile(at("seconds.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    await using server = await scriptedServer(stream);
    const args = ["--trace", at("seconds.jsonl"), "--url", server.url.href, "--out", at("doubts"), "--json"];
    const { stdout, stderr } = await resultHere("replay", ...args);
    expect(stderr.match(/if they are seconds, play it with --speed 0\.001/g)).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ trace_doubts: [expect.stringContaining("5000 requests")] });
  });

  it("leaves broken rows out, and says which", async () => {
    await using server = await scriptedServer(stream);
    const args = ["--trace", at("broken.csv"), "--url", server.url.href, "--out", at("left-out"), "--json"];
    const { code, stdout, stderr } = await resultHere("replay", ...args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ completed: 3, trace_broken_rows: 1, trace_left_out_rows: 0 });
    expect(stderr).toMatch(/1 of 4 rows are broken and left out:\n.*line 5 ContextTokens is 'many'/);
  });

  it.each([
    ["a missing trace", { trace: "none.csv" }, /none\.csv: cannot be read \(ENOENT\)/],
    ["a broken trace", { trace: "broken.csv", strict: null }, /broken\.csv: .*line 5.*many/],
    [
      "a trace that is broken altogether",
      { trace: "all-broken.csv" },
      /all-broken\.csv: has 2 broken rows.*many/,
    ],
    [
      "a cut gzip file",
      { trace: "cut.gz" },
      /cut\.gz: is a gzip file that ends too early; is the file whole\?/,
    ],
    ["a bad URL", { url: "localhost:8000" }, /^--url: is localhost:8000; expected an http/],
    ["a bad speed", { speed: "0" }, /'--speed <factor>' argument '0' is invalid/],
    ["an unknown flag", { fast: "1" }, /unknown option '--fast'/],
    [
      "a bad header",
      { header: "X Team" },
      /^--header: is no name and value; expected one like X-Team: search/,
    ],
    ["a header of two lines", { header: "X: a\nB: c" }, /^--header: is no name and value; expected/],
    [
      "a header of the connection's",
      { header: "content-Length: 5" },
      /^--header: content-Length is the client's own/,
    ],
    ["a name for all requests", { header: "X-Request-Id: a" }, /^--header: X-Request-Id is the client's own/],
    ["a key of two lines", { "api-key": "secret\nX: y" }, /^--api-key: holds what no header can carry; give/],
    ["a bad body", { "extra-body": "[1]" }, /^--extra-body: is \[1\]; expected a JSON object/],
    [
      "a misspelt target",
      { goodput: "tppt:9" },
      /^--goodput: tppt:9 is no target; expected .*did you mean tpot\?/,
    ],
    ["a bad target", { goodput: "itl:9" }, /^--goodput: itl:9 is no target; expected ttft:200/],
    [
      "a bad threshold",
      { threshold: "p95_tft<9" },
      /^--threshold: p95_tft<9 names p95_tft, which is no number[^\n]*did you mean p95_ttft_ms\?/,
    ],
    ["a bad part", { cancel: "2" }, /'--cancel <part>' argument '2' is invalid/],
    ["an unknown endpoint", { endpoint: "audio" }, /'--endpoint <name>' argument 'audio' is invalid/],
  ])("exits 2 with one line on %s", async (_, changes, message) => {
    const flags = { trace: "azure.csv", url: "http://127.0.0.1:9", out: "bad", ...changes };
    const args = Object.entries(flags).flatMap(([name, value]: [string, string | null]) => {
      if (value === null) return [`--${name}`];
      return [`--${name}`, name === "trace" || name === "out" ? at(value) : value];
    });
    const { code, stdout, stderr } = await resultHere("replay", ...args);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("says in one line what a server is not", async () => {
    const args = ["--trace", at("azure.csv"), "--out", at("no-server")];
    await using locked = await listing((response) => response.writeHead(401).end());
    const refused = await resultHere("replay", ...args, "--url", locked.href);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toBe(`${locked.href}: refuses the key; give one with --api-key\n`);
    await using page = await listing((response) => response.end("<html>"));
    const other = await resultHere("replay", ...args, "--url", `${page.href}?key=secret`);
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toBe(`${page.href}?key=…: lists no model; name one with --model\n`);
    await using loading = await listing((response) => response.writeHead(503).end("Loading model"));
    const early = await resultHere("replay", ...args, "--url", loading.href);
    expect(early.stderr).toBe(`${loading.href}: lists no model (HTTP 503); name one with --model\n`);
    await using moved = await listing((response) =>
      response.writeHead(308, { location: "https://u:secret@there/v1/models?key=secret" }).end(),
    );
    const elsewhere = await resultHere("replay", ...args, "--url", moved.href, "--model", "m");
    expect(elsewhere).toMatchObject({ code: 2, stdout: "" });
    expect(elsewhere.stderr).toBe(`${moved.href}: redirects to https://there/v1?key=…; give that URL\n`);
  });

  it("takes the URL of an endpoint, of the one that it asks", async () => {
    await using server = await scriptedServer(stream);
    const url = (path: string) => new URL(path, server.url).href;
    const args = ["--trace", at("azure.csv"), "--out", at("routes"), "--force", "--url"];
    for (const path of ["azure/deployments/d/chat/completions?api-version=1", "v1/", "v4/chat/completions/"])
      expect(await resultHere("replay", ...args, url(path), "--model", "m", "--requests", "1")).toMatchObject(
        {
          code: 0,
        },
      );
    expect(server.paths.filter((path) => path.includes("completions"))).toEqual([
      "/azure/deployments/d/chat/completions?api-version=1",
      "/v1/chat/completions",
      "/v4/chat/completions",
    ]);
    const other = await resultHere("replay", ...args, url("v1/completions"));
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toBe("--url: is of completions; say --endpoint completions, or give the base URL\n");
  });

  it("exits 1 when more fail than may, 99 when a threshold is missed", async () => {
    await using server = await scriptedServer((body, response) =>
      body.max_tokens === 3 ? stream(body, response) : void response.writeHead(503).end("overloaded"),
    );
    const run = (...more: string[]) => {
      const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("strict"), "--force"];
      return resultHere("replay", ...args, ...more);
    };
    const tooMany = await run();
    expect(tooMany.code).toBe(1);
    expect(tooMany.stderr).toMatch(/: failed 2 of 3 requests, more than --max-failed 0\.5\n$/);
    expect(tooMany.stdout).toContain("2 × overloaded");
    expect(await run("--max-failed", "0.7")).toMatchObject({ code: 0 });
    const missed = await run("--max-failed", "1", "--threshold", "completed>=1", "failed_rate<1%");
    expect(missed.code).toBe(99);
    expect(missed.stdout).toMatch(/met: completed>=1 \(1\.000\)\nMISSED: failed_rate<1% \(0\.667\)/);
    const report = JSON.parse(await readFile(join(at("strict"), "report.json"), "utf8")) as object;
    expect(report).toMatchObject({
      thresholds: [
        { threshold: "completed>=1", value: 1, met: true },
        { threshold: "failed_rate<1%", met: false },
      ],
    });
  });

  it("never mixes the files of two runs", async () => {
    await using server = await scriptedServer(stream);
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("twice")];
    expect(await resultHere("replay", ...args)).toMatchObject({ code: 0 });
    const report = await readFile(join(at("twice"), "report.json"), "utf8");
    const again = await resultHere("replay", ...args);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/twice: holds a run \(report\.json\); .* or replace it with --force\n$/);
    expect(await readFile(join(at("twice"), "report.json"), "utf8")).toBe(report);
    expect(server.bodies).toHaveLength(3);
    expect(await resultHere("replay", ...args, "--duration", "0.005", "--force")).toMatchObject({ code: 0 });
    expect((await readFile(join(at("twice"), "requests.jsonl"), "utf8")).trimEnd().split("\n")).toHaveLength(
      1,
    );
    expect((await readdir(at("twice"))).toSorted()).toEqual([
      "benchmark_report_v0.2.1.json",
      "profile_export.jsonl",
      "profile_export_aiperf.json",
      "report.html",
      "report.json",
      "requests.jsonl",
      "results.json",
    ]);
    expect((await readFile(join(at("twice"), "profile_export.jsonl"), "utf8")).match(/\n/g)).toHaveLength(1);
    await mkdir(at("killed"));
    await writeFile(join(at("killed"), "requests.jsonl.partial"), "{}\n");
    expect((await resultHere("replay", ...args.slice(0, -1), at("killed"))).code).toBe(2);
    await mkdir(at("others"));
    await writeFile(join(at("others"), "results.json"), "{}");
    expect((await resultHere("replay", ...args.slice(0, -1), at("others"))).stderr).toMatch(/results\.json/);
  });

  it("sends a key, headers and fields, and shows no secret", async () => {
    await using server = await scriptedServer(stream);
    const url = new URL("base?token=secret1", server.url);
    url.username = "me";
    const keys = ["--api-key", "secret2", "--header", "X-Team: search", "X-Other:1"];
    const rest = ["--extra-body", '{"temperature":0}', "--out", at("secrets"), "--trace", at("azure.csv")];
    const { code, stdout, stderr } = await resultHere(
      "replay",
      ...keys,
      ...rest,
      "--url",
      url.href,
      "--json",
    );
    expect({ code, stderr: stderr.includes("secret") }).toEqual({ code: 0, stderr: false });
    expect(server.paths[0]).toBe("/base/v1/chat/completions?token=secret1");
    expect(server.headers[0]).toMatchObject({
      authorization: "Bearer secret2",
      "x-team": "search",
      "x-other": "1",
    });
    expect(server.bodies[0]).toMatchObject({ temperature: 0, ignore_eos: true, min_tokens: 3 });
    const files = await Promise.all(
      (await readdir(at("secrets"))).map((name) => readFile(join(at("secrets"), name), "utf8")),
    );
    for (const text of [stdout, ...files]) expect(text).not.toContain("secret1");
    for (const text of [stdout, ...files]) expect(text).not.toContain("secret2");
  });

  it("says how to go on where the server refuses to be told how long answers are", async () => {
    await using server = await scriptedServer((body, response) =>
      "ignore_eos" in body
        ? void response.writeHead(400).end('{"error":{"message":"Unrecognized argument: ignore_eos"}}')
        : stream(body, response),
    );
    const args = ["--trace", at("azure.csv"), "--url", server.url.href];
    const forced = await resultHere("replay", ...args, "--out", at("forced"));
    expect(forced.code).toBe(1);
    expect(forced.stderr.match(/go on with --lengths natural/g)).toHaveLength(1);
    expect(await resultHere("replay", ...args, "--out", at("natural"), "--lengths", "natural")).toMatchObject(
      {
        code: 0,
      },
    );
  });

  it("says that tokens are counts of frames where no usage comes", async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"choices":[{"delta":{"content":"a b c"},"finish_reason":"stop"}]}\n\n');
    });
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", at("frames"), "--json"];
    const { stdout, stderr } = await resultHere("replay", ...args);
    expect(stderr).toContain("3 of 3 answers came without usage: their output tokens are counts of frames");
    expect(JSON.parse(stdout)).toMatchObject({ output_tokens_counted_by: { usage: 0, frames: 3 } });
  });

  it("exits 2 with one line when the folder cannot be written", async () => {
    await using server = await scriptedServer(stream);
    const out = join(at("azure.csv"), "below-a-file");
    const args = ["--trace", at("azure.csv"), "--url", server.url.href, "--out", out];
    const { code, stderr } = await resultHere("replay", ...args);
    expect(stderr).toMatch(/requests\.jsonl: cannot be written \(ENOTDIR\); name a writable place\n$/);
    expect(code).toBe(2);
    expect(server.bodies).toEqual([]);
  });
});
