import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resultHere, runHere } from "../run-here.ts";

const HEADER =
  "id,model,system,backend,version,precision,mode,isl,osl,concurrency,gpus,tp,dp,ep,moe_tp,ttft_ms,tpot_ms,out_tok_s_gpu";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "calibrate-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function fileOf(...lines: readonly string[]): Promise<string> {
  const path = join(folder, "points.csv");
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

async function rowsOf(path: string, ...more: readonly string[]) {
  return JSON.parse(await runHere("simulate", "--calibrate", "--measured", path, "--json", ...more));
}

test("published results: every row predicted, what was fitted marked and not counted", async () => {
  const { rows, summary } = JSON.parse(await runHere("simulate", "--calibrate", "--json"));
  expect(rows.length).toBe(summary.rows);
  expect(summary).toMatchObject({ coverage: 1, fitted: 6, counted: summary.rows - 6 });
  for (const row of rows) expect(row.predicted).not.toBeNull();
  expect(summary.median).toBeLessThan(0.06);
  // Of serving points that the constants had not seen: what this project aims at.
  const { configuration } = summary.unseen;
  expect(configuration.tpot_ms.points).toBeGreaterThan(800);
  expect(configuration.tpot_ms.median).toBeLessThan(0.1);
  expect(configuration.out_tok_s_gpu.median).toBeLessThan(0.1);
  expect(configuration.ttft_ms.median).toBeLessThan(0.25);
});

test("a row for every row of the file, in its order and under its names", async () => {
  const path = await fileOf(
    `${HEADER},unknown_column`,
    "a,DeepSeek-R1,h200_sxm,sglang,0.5.9,fp8,agg,1024,1024,64,8,8,1,1,8,300,25,250,x",
    "b,zai-org/GLM-5.1,GB200 NVL72,trtllm,99.9,nvfp4,agg,8192,1024,4,4,4,1,1,4,,,,",
    '"c, quoted",openai/gpt-oss-120b,MI300X,atom,,fp4,agg,1000,200,1,1,1,1,1,1,,7,',
  );
  const { rows, summary } = await rowsOf(path);
  expect(rows.map(({ id }: { id: string }) => id)).toEqual(["a", "b", "c, quoted"]);
  for (const { ttft_ms, tpot_ms, out_tok_s_gpu, interval } of rows) {
    for (const value of [ttft_ms, tpot_ms, out_tok_s_gpu]) expect(value).toBeGreaterThan(0);
    expect(interval.tpot_ms[0]).toBeLessThan(tpot_ms);
    expect(interval.tpot_ms[1]).toBeGreaterThan(tpot_ms);
  }
  expect(rows[0]).toMatchObject({ model: "DeepSeek-R1 as deepseek-r1", known: true, fitted: false });
  expect(rows[0].error.tpot_ms).toBeCloseTo(rows[0].tpot_ms / 25 - 1, 4);
  expect(rows[1]).toMatchObject({ model: "zai-org/GLM-5.1 as glm-5", known: true });
  expect(rows[2]).toMatchObject({ known: false, measured: { ttft_ms: null, tpot_ms: 7 } });
  // What nobody has measured is known less well.
  const width = (row: (typeof rows)[0]) => row.interval.tpot_ms[1] / row.interval.tpot_ms[0];
  expect(width(rows[2])).toBeGreaterThan(width(rows[0]));
  expect(summary).toMatchObject({ rows: 3, predicted: 3, coverage: 1, counted: 2 });
});

test("columns that are missing are taken for granted, and said", async () => {
  const path = await fileOf("model,system,gpus", "minimax-m2.5,b200,4");
  const { rows } = await rowsOf(path);
  expect(rows[0].id).toBe("line 2");
  expect(rows[0].assumed).toEqual([
    "tp 4",
    "backend vllm",
    "precision fp8",
    "isl 1024",
    "osl 1024",
    "concurrency 1",
  ]);
});

test("a model that is only alike is said, and known less well", async () => {
  const { rows } = await rowsOf(
    await fileOf("model,system,gpus", "MiniMax-M9,b200,4", "MiniMax-M2.5,b200,4"),
  );
  expect(rows[0].assumed[0]).toMatch(/^model minimax-m2/);
  expect(rows.map(({ known }: { known: boolean }) => known)).toEqual([false, true]);
});

test("prefill apart from decode, and queues where one of them is too small", async () => {
  const header = `${HEADER},prefill_workers,prefill_tp,prefill_dp,prefill_ep,prefill_moe_tp,decode_workers,decode_tp,decode_dp,decode_ep,decode_moe_tp`;
  const point = (id: string, concurrency: number) =>
    `${id},DeepSeek-R1,gb200,sglang,,fp8,disagg,8192,1024,${concurrency},72,,,,,,,,5,1,8,8,1,1,1,32,32,1`;
  const { rows } = await rowsOf(await fileOf(header, point("few", 64), point("many", 8192)));
  expect(rows[0]).toMatchObject({ mode: "disagg", assumed: [] });
  expect(rows[1].ttft_ms).toBeGreaterThan(10 * rows[0].ttft_ms);
});

test("the table for people marks what was fitted", async () => {
  const path = await fileOf(
    HEADER,
    "mine,MiniMax-M2.5,h200_sxm,vllm,0.18.0,fp8,agg,1024,1024,16,8,8,1,1,8,107,10.8,180",
    "other,MiniMax-M2.5,h200_sxm,vllm,0.18.0,fp8,agg,1024,1024,16,2,2,1,1,2,107,20,180",
  );
  const said = await runHere("simulate", "--calibrate", "--measured", path);
  expect(said).toContain("mine *");
  expect(said).toContain("2 rows, all predicted; 1 of configurations that the constants were fitted to (*)");
});

test("each row by constants that are fitted to the others", async () => {
  const point = (group: string, tp: number, concurrency: number, tpot: number) =>
    `${group}${concurrency},gpt-oss-120b,h100,vllm,1,fp4,agg,1024,1024,${concurrency},${tp},${tp},1,1,${tp},100,${tpot},${
      (1000 * concurrency * 1024) / (100 + 1023 * tpot) / tp
    },${group}`;
  const lines = [point("a", 2, 4, 5), point("a", 2, 64, 14), point("b", 4, 4, 4.5), point("b", 4, 64, 11)];
  const path = await fileOf(`${HEADER},split_group`, ...lines);
  const { rows, summary } = await rowsOf(path, "--cross-validate");
  expect(summary).toMatchObject({ rows: 4, fitted: 0, counted: 4 });
  expect(Object.keys(summary.errors.cell)).toEqual([
    "gpt-oss-120b | h100 | vllm | agg | 1 | 1-15",
    "gpt-oss-120b | h100 | vllm | agg | 1 | 64-255",
  ]);
  const plain = await rowsOf(path);
  expect(rows[0].tpot_ms).not.toBe(plain.rows[0].tpot_ms);
  const alone = await resultHere(
    "simulate",
    "--calibrate",
    "--cross-validate",
    "--measured",
    await fileOf(`${HEADER},split_group`, lines[0]),
  );
  expect(alone.code).toBe(2);
  expect(alone.stderr).toContain("of 1 groups; expected all, of two or more");
});

describe("factors of one's own", () => {
  const points = [4, 16, 64].flatMap((concurrency) =>
    [2, 4].map((tp) => {
      const tpot = 8 + concurrency / 8;
      const rate = (1000 * concurrency * 1024) / (250 + 1023 * tpot) / tp;
      return `${tp}-${concurrency},gpt-oss-120b,h20,vllm,mine,fp4,agg,1024,1024,${concurrency},${tp},${tp},1,1,${tp},250,${tpot},${rate}`;
    }),
  );

  test("are fitted, written, and read again", async () => {
    const path = await fileOf(HEADER, ...points);
    const out = join(folder, "own.json");
    const { rows, summary } = await rowsOf(path, "--fit", out);
    expect(Object.keys(summary.own.factors)).toEqual(["tpot", "prefillFlops", "first", "ttft"]);
    expect(summary.own.unseen.tpot_ms.points).toBe(points.length);
    // Now they are fitted to, and say nothing.
    expect(rows.every(({ fitted }: { fitted: boolean }) => fitted)).toBe(true);
    const plain = await rowsOf(path);
    const [before, after] = [plain, await rowsOf(path, "--constants", out)].map((result) =>
      result.rows.map((row: { error: { tpot_ms: number } }) => Math.abs(row.error.tpot_ms)),
    );
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    expect(sum(after)).toBeLessThan(sum(before));
    expect(JSON.parse(await readFile(out, "utf8")).source).toContain("factors of one's own from 6 rows");
  });
});

describe("bad input: one line, exit code 2", () => {
  const row = "a,DeepSeek-R1,h200,vllm,1,fp8,agg,1024,1024,4,8,8,1,1,8,1,1,1";
  const changed = (from: string, to: string) => row.replace(from, to);
  test.each([
    ["no rows", [HEADER], "holds no rows"],
    ["nothing", [""], "line 1 is empty"],
    ["a model that nobody knows", [HEADER, changed("DeepSeek-R1", "zzz")], 'line 2: model is "zzz"'],
    ["no model", [HEADER, changed("DeepSeek-R1", "")], "line 2: model is missing"],
    ["a GPU that nobody knows", [HEADER, changed("h200", "tpu")], 'line 2: system is "tpu"'],
    ["a negative length", [HEADER, changed("1024", "-5")], 'line 2: isl is "-5"; expected a number above 0'],
    [
      "half a request",
      [HEADER, changed(",4,8,", ",4.5,8,")],
      "line 2: concurrency is 4.5; expected an integer",
    ],
    ["words", [HEADER, changed(",4,8,", ",many,8,")], 'line 2: concurrency is "many"'],
    ["another mode", [HEADER, changed("agg", "both")], 'line 2: mode is "both"; expected agg or disagg'],
    ["another precision", [HEADER, changed("fp8", "fp3")], 'line 2: precision is "fp3"'],
    ["more cells than columns", [HEADER, `${row},1`], "line 2 has 19 cells"],
    ["a quote without its end", [HEADER, `"${row}`], "line 2 has an opening quote"],
  ])("%s", async (_, lines, hint) => {
    const path = await fileOf(...lines);
    const { code, stdout, stderr } = await resultHere("simulate", "--calibrate", "--measured", path);
    expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({
      code: 2,
      stdout: "",
      lines: 1,
    });
    expect(stderr).toContain(hint);
  });

  test.each([
    [["--measured", "points.csv"], "--measured: goes with --calibrate"],
    [["--calibrate", "--fit", "own.json"], "--fit: has nothing to fit to"],
    [["--calibrate", "--measured", "none.csv"], "none.csv"],
    [["--calibrate", "--constants", "none.json"], "none.json"],
    [["--out", "there"], "--scenario: is missing"],
  ])("%j", async (flags, hint) => {
    const { code, stderr } = await resultHere("simulate", ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(hint);
  });

  test("too little to fit to", async () => {
    const path = await fileOf(HEADER, row);
    const { code, stderr } = await resultHere(
      "simulate",
      "--calibrate",
      "--measured",
      path,
      "--fit",
      join(folder, "x.json"),
    );
    expect(code).toBe(2);
    expect(stderr).toContain("has 1 rows with ttft_ms, tpot_ms and out_tok_s_gpu; expected at least 3");
  });
});

test("docs/calibration.md has the errors of the constants that ship", async () => {
  const page = await readFile(new URL("../../docs/calibration.md", import.meta.url), "utf8");
  const { summary, rows } = JSON.parse(await runHere("simulate", "--calibrate", "--json"));
  const text = ({ median, p90 }: { median: number; p90: number }) =>
    `${(100 * median).toFixed(1)} (${(100 * p90).toFixed(0)})`;
  for (const { tpot_ms, out_tok_s_gpu, ttft_ms } of Object.values<{
    tpot_ms: { median: number; p90: number };
    out_tok_s_gpu: { median: number; p90: number };
    ttft_ms: { median: number; p90: number };
  }>(summary.unseen)) {
    const row = `| ${text(tpot_ms)} | ${text(out_tok_s_gpu)} | ${text(ttft_ms)} |`;
    expect(page).toContain(row);
  }
  for (const { what } of rows) expect(page).toContain(`| ${what}`);
});

test("--run has the twin itself run points, beside what was measured and arithmetic", async () => {
  const path = await fileOf(
    HEADER,
    "a,openai/gpt-oss-120b,h200_sxm,vllm,,fp4,agg,100,60,4,1,1,1,1,1,40,6,500",
    "b,openai/gpt-oss-120b,h200_sxm,vllm,,fp4,disagg,100,60,4,1,1,1,1,1,40,6,500",
    "c,openai/gpt-oss-120b,h100_sxm,trtllm,,fp4,agg,100,60,2,2,2,1,2,1,,6,",
  );
  const { rows, summary } = await rowsOf(path, "--run", "9");
  expect(rows.map(({ id }: { id: string }) => id)).toEqual(["a", "b", "c"]);
  const some = await rowsOf(path, "--run", "1");
  expect(some.rows).toEqual([rows[1]]);
  for (const { run, arithmetic, measured } of rows) {
    expect(run.steps).toBeGreaterThan(100);
    expect(run.error.tpot_ms).toBeCloseTo(run.tpot_ms / measured.tpot_ms - 1, 4);
    expect(run.tpot_ms / arithmetic.tpot_ms).toBeGreaterThan(0.7);
    expect(run.tpot_ms / arithmetic.tpot_ms).toBeLessThan(1.4);
  }
  expect(rows[2]).toMatchObject({ measured: { ttft_ms: null }, run: { error: { ttft_ms: null } } });
  expect(summary).toMatchObject({
    rows: 3,
    ran: 3,
    errors: { run: { all: { all: { tpot_ms: { points: 3 } } } } },
  });
  const refused = await resultHere("simulate", "--calibrate", "--run", "2");
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("give --measured too")]);
});
