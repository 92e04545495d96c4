import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { loadScenario } from "../../src/config/scenario.ts";
import { modelledHardware } from "../../src/twin/calibration/gpu-hardware.ts";
import { readSavedPlan } from "../../src/plans/saved-plan.ts";
import { expectExit2 } from "../bad-input.ts";
import { cliResult, startCli } from "../run-cli.ts";
import { resultHere, runHere } from "../run-here.ts";

const MODEL = ["plan", "--model", "mixtral-8x7b", "--gpu", "h100"];
const ASKED = [
  ...MODEL,
  "--isl",
  "256",
  "--osl",
  "12",
  "--ttft-p95",
  "300",
  "--itl-p95",
  "25",
  "--max-gpus",
  "12",
  // Others run beside it: what may be asked for next is not run ahead.
  "--threads",
  "1",
];

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("a plan for a rate", () => {
  /** Its files, and what the command says. */
  let out: string;
  let text: string;
  beforeAll(async () => {
    out = folder.path("plan");
    const money = ["--price", "h100=2", "--api-price", "in=0.5,out=1", "--budget", "24"];
    text = await runHere(...ASKED, "--rate", "20", ...money, "--out", out, "--json");
  });

  test("is confirmed, and its files are what simulate, check and replay take", async () => {
    const { question, answer, ifModelIsOff, searched } = JSON.parse(text);
    const { runs, ...file } = JSON.parse(await readFile(`${out}/plan.json`, "utf8"));
    expect(file).toEqual(JSON.parse(text));
    expect(runs.known.length).toBeGreaterThan(answer.twin.length);
    expect(question).toMatchObject({ model: "mixtral-8x7b", requestsPerSecond: 20, spare: 1 });
    expect(answer.gpus).toBe(answer.units * answer.gpusPerUnit);
    expect(answer.gpus).toBeLessThanOrEqual(12);
    expect(answer.perfectSystem.gpus).toBeLessThanOrEqual(answer.gpus);
    expect(answer.cost.dollarsPerHour).toBe(2 * answer.gpus);
    expect(answer.api.dollarsPerHour).toBeCloseTo((20 * 3600 * (256 * 0.5 + 12)) / 1e6, 6);
    expect(answer.api.beside.ratio).toBeCloseTo(answer.cost.dollarsPerHour / answer.api.dollarsPerHour, 9);
    expect(answer.loadLine.useWithoutSpare).toBeLessThanOrEqual(1);
    for (const { keeps, attainment } of answer.twin) {
      expect(keeps).toBe(true);
      expect(attainment).toBeGreaterThan(0.9);
    }
    expect(ifModelIsOff).toHaveLength(3);
    expect(searched.tried.length).toBeGreaterThan(0);

    const page = await readFile(`${out}/plan.html`, "utf8");
    expect(page).toContain(`${answer.gpus} H100: ${answer.units} units of ${answer.gpusPerUnit}`);
    expect(page).toContain("<svg");

    const config = await loadConfig(`${out}/plimsoll.yaml`);
    expect(config.pools).toHaveLength(1);
    const manifest = await readFile(`${out}/kubernetes.yaml`, "utf8");
    expect(manifest).toContain(`replicas: ${answer.units}\n`);
    const role = answer.prefill === null ? "engine" : "decode";
    expect(manifest).toContain(`http://mixtral-8x7b-${role}-${answer.units - 1}.mixtral-8x7b-${role}:8000`);
    const scenario = await loadScenario(`${out}/scenario.yaml`);
    expect(scenario.model.name).toBe("mixtral-8x7b");
    const run = JSON.parse(
      await runHere("simulate", "--scenario", `${out}/scenario.yaml`, "--out", folder.path("run"), "--json"),
    ).run;
    expect(run.ttftMs.p95).toBeLessThanOrEqual(scenario.slo?.ttftMs ?? 0);
    expect(run.itlMs.p95).toBeLessThanOrEqual(25);
  });

  test("what-if: from a plan's file with another answer to some of it, by runs that are known", async () => {
    const first = JSON.parse(text);
    const from = ["plan", "--from", `${out}/plan.json`, "--threads", "1"];
    const same = JSON.parse(await runHere(...from, "--json"));
    expect(same.answer).toEqual(first.answer);
    const more = ["--set", "traffic=2", "--set", "max-gpus=16", "--set", "budget=40"];
    const after = JSON.parse(await runHere(...from, ...more, "--json"));
    expect(after.asked).toEqual({ ...first.asked, traffic: 2, maxGpus: 16, budget: 40 });
    expect(after.question.requestsPerSecond).toBe(40);
    expect(after.answer.gpus).toBeGreaterThanOrEqual(first.answer.gpus);
    const gpus = after.compared.changes.find(({ name }: { readonly name: string }) => name === "GPUs");
    expect(gpus).toEqual({
      name: "GPUs",
      before: `${first.answer.gpus} H100`,
      after: `${after.answer.gpus} H100`,
    });
    expect(after.compared.why.length).toBeGreaterThan(0);
    const other = await runHere(...from, "--set", "redundant=2");
    expect(other).toMatch(/redundant experts +0 → [2-9]/);
  });
});

test("of an engine, its constants and its steps are planned with, and its flags shown; the scenario has the skew", async () => {
  const out = folder.path("engine");
  const text = await runHere(...ASKED, "--rate", "8", "--engine", "sglang", "--skew", "2", "--out", out);
  expect(text).toContain("SGLang  python3 -m sglang.launch_server --model-path mistralai/Mixtral-8x7B-v0.1");
  expect(text).not.toContain("vLLM");
  const { batching, gpu, model, skew } = await loadScenario(`${out}/scenario.yaml`);
  expect([batching.engine, gpu?.engine, skew]).toEqual(["sglang", "sglang", 2]);
  const other = { ...gpu, engine: null } as NonNullable<typeof gpu>;
  expect(modelledHardware(model, gpu).fixed.step).not.toBe(modelledHardware(model, other).fixed.step);
});

test("a number of users is planned for at the rate that their answers leave them", async () => {
  const { question, answer } = JSON.parse(
    await runHere(...ASKED, "--users", "12", "--think", "1", "--spare", "0", "--max-gpus", "4", "--json"),
  );
  const [{ e2eMs }] = answer.twin;
  expect(question.requestsPerSecond).toBeLessThan(12);
  expect(Math.abs((question.requestsPerSecond * (1 + e2eMs / 1000)) / 12 - 1)).toBeLessThan(0.03);
});

test("Ctrl-C ends with what is known, from which the next goes on", async () => {
  const out = folder.path("stopped");
  const asked =
    "plan --model kimi-k2 --precision fp4 --gpu gb200 --rate 100 --slo chat --ttft-p95 500 --max-gpus 256";
  const child = startCli(...asked.split(" "), "--out", out, "--json");
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    said += bytes.toString();
    if (said.includes("requests/s of")) child.kill("SIGINT");
  });
  const { code, stdout } = await cliResult(child);
  expect(code).toBe(130);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ stopped: true, asked: { model: "kimi-k2", rate: 100 } });
  const saved = readSavedPlan(JSON.parse(await readFile(`${out}/plan.json`, "utf8")), "plan.json");
  expect(saved.asked).toEqual(report.asked);
});

test("experts of one's own load are planned with, and in the plan's scenario", async () => {
  const rows = Array.from({ length: 32 }, () => [900, 1, 1, 1, 1, 1, 1, 94]);
  const load = await folder.write("load.json", JSON.stringify({ logical_count: rows }));
  const out = folder.path("own-load");
  const few = ["--rate", "1", "--spare", "0", "--max-gpus", "2", "--redundant", "0"];
  const { question } = JSON.parse(await runHere(...ASKED, ...few, "--load", load, "--out", out, "--json"));
  expect(question.experts).toEqual({ skew: null, load, routing: null });
  expect(await loadScenario(`${out}/scenario.yaml`)).toMatchObject({ routing: null, load, skew: null });
});

test("--minutes ends with what is known by then", async () => {
  const asked =
    "plan --model kimi-k2 --precision fp4 --gpu gb200 --rate 100 --slo chat --ttft-p95 500 --max-gpus 256 --threads 1";
  const { code, stdout } = await resultHere(...asked.split(" "), "--minutes", "0.003", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    stopped: true,
    answer: null,
    why: expect.stringContaining("stopped before any plan"),
  });
  expect(code).toBe(1);
});

test("a target that no layout keeps: exit 1, with the nearest", async () => {
  const { code, stdout } = await resultHere(...ASKED, "--rate", "4000");
  expect(code).toBe(1);
  expect(stdout).toMatch(/^no plan within --max-gpus 12 keeps .* requests\/s a unit; raise the budget/);
});

test("a budget in dollars limits the plan as one in GPUs does", async () => {
  const load = ["--isl", "256", "--osl", "12", "--rate", "2000", "--ttft-p95", "300", "--itl-p95", "25"];
  const money = ["--price", "h100=2", "--budget", "16"];
  const { code, stdout } = await resultHere(...MODEL, ...load, ...money);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^no plan within --budget 16 keeps /);
});

test("bad input: one line, exit 2", async () => {
  const empty = await folder.write("empty.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n");
  const otherModels = await folder.write("other-load.json", JSON.stringify({ logical_count: [[1, 2, 3]] }));
  const chat = ["--rate", "1", "--slo", "chat"];
  await expectExit2(folder, [
    [["plan", "--model", "mixtral-8x7b", "--gpu", "h20x", ...chat], "expected one of b200"],
    [["plan", "--model", "mixtral", "--gpu", "h100", ...chat], "did you mean mixtral-8x7b?"],
    [[...MODEL, ...chat, "--max-gpus", "1"], "93 GB of weights fit in no unit of 1 H100 of 80 GB"],
    [[...MODEL, ...chat, "--itl-p95", "0.01"], "--itl-p95: is 0.01 ms; nothing is faster than"],
    [[...MODEL, ...chat, "--ttft-p95", "0.01"], "TFLOP of a prompt of"],
    [[...MODEL, "--trace", empty, "--slo", "chat"], "holds no requests; expected at least one"],
    [[...MODEL, "--slo", "chat"], "--rate: is missing; expected one of --rate, --trace, --users"],
    [[...MODEL, ...chat, "--users", "3"], "--rate: is beside --users"],
    [[...MODEL, "--rate", "1"], "--isl: is missing"],
    [[...MODEL, ...chat, "--think", "3"], "--think: is of users"],
    [[...MODEL, ...chat, "--skew", "5"], "Expected a number in 0..4."],
    [[...MODEL, ...chat, "--skew", "2", "--load", empty], "--skew: is beside --load"],
    [[...MODEL, ...chat, "--load", "nowhere.json"], "nowhere.json: cannot be read (ENOENT)"],
    [[...MODEL, ...chat, "--load", otherModels], "expected those of mixtral-8x7b: 32 rows of 8 experts"],
    [[...MODEL, ...chat, "--routing", empty], "is not a .npy file"],
    [[...MODEL, ...chat, "--cached", "0.5"], "blocks of 512, expected prompts of 2048 or more"],
    [[...MODEL, ...chat, "--cached", "1"], "a part of at least 0 and less than 1"],
    [[...MODEL, ...chat, "--price", "b200=3"], "which --gpu does not name"],
    [[...MODEL, ...chat, "--price", "h100"], "expected a type and dollars an hour"],
    [[...MODEL, ...chat, "--api-price", "in=1"], "--api-price: lacks out="],
    [
      [...MODEL, ...chat, "--api-price", "in=1,out=x"],
      '--api-price: has "out=x"; expected dollars per million',
    ],
    [[...MODEL, ...chat, "--api-price", "in=1,out=0"], '--api-price: has "out=0"'],
    [
      [...MODEL, ...chat, "--budget", "9"],
      "--budget: takes a price for every type of GPU; --price lacks h100",
    ],
    [
      [...MODEL, ...chat, "--budget", "3", "--price", "h100=2"],
      "--budget: is too little for mixtral-8x7b: $3",
    ],
    [[...MODEL, ...chat, "--budget", "4", "--price", "h100=2"], "93 GB of weights fit in no unit of 1 H100"],
    [[...MODEL, ...chat, "--set", "trafic=2"], "--set: trafic is not known; did you mean traffic?"],
    [[...MODEL, ...chat, "--set", "traffic=no"], '--set: traffic is "no"; expected a number above 0'],
    [[...MODEL, ...chat, "--set", "traffic"], "expected an option and its value"],
    [[...MODEL, ...chat, "--ttft-p50", "9", "--ttft-p99", "9"], "--ttft-p50: is beside --ttft-p99"],
    [["plan", "--from", empty], "is no JSON; expected the plan.json of a plan"],
    [["plan", "--from", await folder.write("other.json", "{}")], "is no plan: `format` is not text"],
    [["plan", "--gpu", "h100"], "--model: is missing"],
  ]);
});
