import { cp, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { PLAIN_WORDS } from "../../src/replay/prompt-words.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { expectExit2 } from "../bad-input.ts";
import { resultHere, runHere } from "../run-here.ts";
import { smallTokenizer } from "../small-tokenizer.ts";

const golden = (name: string) => fileURLToPath(new URL(`../golden/traces/${name}`, import.meta.url));
const folder = await scratchFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const inspect = async (...args: readonly string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await runHere("replay", "inspect", ...args, "--json")) as Record<string, unknown>;

describe("replay inspect", () => {
  it("says what a trace holds, with a picture, and writes a page that needs no network", async () => {
    const page = folder.path("page.html");
    const { code, stdout, stderr } = await resultHere(
      "replay",
      "inspect",
      golden("mooncake.jsonl"),
      "--out",
      page,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("mooncake.jsonl: mooncake, 8 requests over 00:00:31, 0.25 requests/s");
    expect(stdout).toMatch(/┤█/);
    expect(stdout).toContain("blocks of 512 tokens");
    const html = await readFile(page, "utf8");
    expect(html).toContain("<h2>Over time</h2>");
    expect(html.match(/<figure class="chart">/g)).toHaveLength(6);
    expect(html).not.toMatch(/<script|https?:/);
  });

  it("says the same as JSON, also of a gzipped trace", async () => {
    const plain = await inspect(golden("mooncake.jsonl"));
    expect(plain).toMatchObject({
      format: "mooncake",
      timed: true,
      requests: 8,
      broken: 0,
      prefix: { by: "blocks", blockTokens: 512, distinctBlocks: 10 },
    });
    const gzipped = await folder.write("m.gz", gzipSync(await readFile(golden("mooncake.jsonl"))));
    expect(await inspect(gzipped)).toEqual({ ...plain, trace: gzipped });
  });

  it("says what is left out, and why", async () => {
    const text = `${await readFile(golden("burstgpt-1.csv"), "utf8")}99,ChatGPT,many,2,3,API log\n`;
    const trace = await folder.write("burst.csv", text);
    expect(await runHere("replay", "inspect", trace)).toMatch(
      /1 of 6 rows are broken and left out:\n.*burst\.csv: line 7 Request tokens is 'many'.*\n1 of 6 rows are left out: they had failed/,
    );
    const strict = await resultHere("replay", "inspect", trace, "--strict");
    expect(strict).toMatchObject({ code: 2, stdout: "" });
    expect(strict.stderr).toContain(
      "burst.csv: line 7 Request tokens is 'many'; expected tokens, in 1..4194304",
    );
  });

  it("counts text by a model's tokenizer, or says that it counts words", async () => {
    const tokenizer = await folder.write("tokenizer.json", smallTokenizer(PLAIN_WORDS.words.slice(0, 40)));
    const args = [golden("sharegpt.json"), "--tokenizer"];
    expect(await inspect(...args, tokenizer)).toMatchObject({
      lengths: `tokenizer ${tokenizer}`,
      timed: false,
    });
    // Its folder will do, as will a model in Hugging Face's cache.
    expect(await inspect(...args, folder.path("."))).toMatchObject({
      lengths: expect.stringContaining("tokenizer"),
    });
    const snapshot = folder.path("models--org--small/snapshots/abc");
    await mkdir(snapshot, { recursive: true });
    await cp(tokenizer, `${snapshot}/tokenizer.json`);
    process.env["HF_HUB_CACHE"] = folder.path(".");
    try {
      expect(await inspect(...args, "org/small")).toMatchObject({ lengths: "tokenizer org/small" });
    } finally {
      delete process.env["HF_HUB_CACHE"];
    }
    const text = await runHere("replay", "inspect", golden("sharegpt.json"));
    expect(text).toContain("Lengths of text are counted in words; --tokenizer counts tokens.");
    expect(text).toContain("The trace says no times: all its requests come at once.");
    expect(text).toContain("1 of 3 rows are left out: they hold no question with an answer");
  });

  it("draws ServeGen's traffic from a folder of it, the same for a seed", async () => {
    const one = await inspect(golden("servegen"), "--seed", "3");
    expect(one).toMatchObject({ format: "servegen", lengths: "drawn, seed 3", requests: 299 + 149 + 59 });
    expect(one.tenants).toEqual({
      most: [
        { name: "client-0", requests: 448 },
        { name: "client-7", requests: 59 },
      ],
      others: 0,
      names: 2,
    });
    expect(await inspect(golden("servegen"), "--seed", "3")).toEqual(one);
  });

  it("exits 2 with one line on what is no trace", async () => {
    const cut = await folder.write("cut.gz", gzipSync(Buffer.from("x".repeat(1000) + Math.PI)));
    await truncate(cut, 20);
    const damaged = folder.path("damaged.gz");
    await writeFile(damaged, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    const empty = await folder.write("empty.jsonl", "");
    const other = await folder.write("other.csv", "a,b\n1,2\n");
    await mkdir(folder.path("nothing"));
    const args = (trace: string, ...more: readonly string[]) => ["replay", "inspect", trace, ...more];
    await expectExit2(folder, [
      [args(folder.path("none.csv")), "none.csv: cannot be read (ENOENT); name a readable file"],
      [args(cut), "cut.gz: is a gzip file that ends too early; is the file whole?"],
      [args(damaged), "damaged.gz: is a gzip file that is damaged; is the file whole?"],
      [args(empty), "for the file is empty; expected one of them"],
      [args(other), "it is 'a,b'; expected one of them"],
      [args(folder.path("nothing")), "is a folder; expected a regular file, or a folder of ServeGen's with"],
      [args(golden("servegen"), "--format", "azure"), "servegen: is a folder; expected a regular file"],
      [args(golden("azure-2023.csv"), "--format", "servegen"), "is no folder; expected ServeGen's data"],
      [
        args(golden("azure-2023.csv"), "--format", "csv"),
        "argument 'csv' is invalid. Allowed choices are azure",
      ],
      [
        args(golden("sharegpt.json"), "--tokenizer", "org/none"),
        "--tokenizer: is 'org/none', which is no file",
      ],
      [args(golden("sharegpt.json"), "--tokenizer", other), "other.csv: is no tokenizer that can be read"],
      [["replay", "inspect"], "missing required argument 'trace'"],
    ]);
  });
});
