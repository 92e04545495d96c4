import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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
    const { code, stdout } = await result;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sent: 1, completed: 0, failed: 0, cancelled: 1 });
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
      expect(await closed).toEqual([0, null]);
    },
  );

  it("exits 1 with one line when the server cannot be reached, or fails every request", async () => {
    const gone = await scriptedServer(stream);
    await gone[Symbol.asyncDispose]();
    const args = ["--trace", at("azure.csv"), "--out", at("failed")];
    const unreachable = await resultHere("replay", ...args, "--url", gone.url.href);
    expect(unreachable).toMatchObject({ code: 1, stdout: "" });
    expect(unreachable.stderr).toBe(`${gone.url.href}: cannot be reached (ECONNREFUSED)\n`);

    await using broken = await scriptedServer((_, response) => void response.writeHead(500).end());
    const failing = await resultHere("replay", ...args, "--url", broken.url.href);
    expect(failing.code).toBe(1);
    expect(failing.stdout).toContain("3 × http_500");
    expect(failing.stderr).toMatch(/failed every request\n$/);
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
  ])("exits 2 with one line on %s", async (_, changes, message) => {
    const flags = { trace: "azure.csv", url: "http://127.0.0.1:9", out: "bad", ...changes };
    const args = Object.entries(flags).flatMap(([name, value]) => [
      `--${name}`,
      ...(value === null ? [] : [name === "trace" || name === "out" ? at(value) : value]),
    ]);
    const { code, stdout, stderr } = await resultHere("replay", ...args);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
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
