import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { localityTable } from "../../loadtest/bench/locality/table.ts";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { Rng } from "../../src/lib/rng.ts";
import { requestTokens } from "../../src/twin/instances/request-tokens.ts";
import { expectExit2 } from "../bad-input.ts";
import { runHere } from "../run-here.ts";

const [LAYERS, TOPK, EXPERTS, DOMAINS, REQUESTS, INSTANCES, BATCH] = [2, 4, 32, 4, 160, 2, 8];
/** Two float64. */
const FLOATS = Buffer.concat([
  Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]),
  Buffer.from("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }".padEnd(117).concat("\n")),
  Buffer.alloc(16),
]);

let folder: ScratchFolder;
let ids: Int32Array;
let request: Int32Array;
let domains: Int32Array;
const file: Record<string, string> = {};

/** Requests of four domains that each prefer their own eight experts; tokens of two requests interleave. */
beforeAll(async () => {
  folder = await scratchFolder();
  const rng = new Rng(8);
  domains = Int32Array.from({ length: REQUESTS }, () => rng.below(DOMAINS));
  const owner: number[] = [];
  for (let pair = 0; pair < REQUESTS; pair += 2) {
    const left = [20 + rng.below(40), 20 + rng.below(40)];
    while (left[0] + left[1] > 0) {
      const one = left[rng.below(2)] > 0 ? rng.below(2) : Number(left[0] === 0);
      if (left[one]-- > 0) owner.push(pair + one);
      else left[one] = 0;
    }
  }
  request = Int32Array.from(owner);
  ids = new Int32Array(owner.length * LAYERS * TOPK);
  for (let i = 0; i < ids.length; i++) {
    const domain = domains[owner[Math.floor(i / LAYERS / TOPK)]];
    const near = rng.uniform() < 0.9;
    ids[i] = rng.uniform() < 0.02 ? -1 : near ? domain * 8 + rng.below(8) : rng.below(EXPERTS);
  }
  file.trace = await folder.write("trace.npy", writeNpyInt32([owner.length, LAYERS, TOPK], ids));
  file.requests = await folder.write("requests.npy", writeNpyInt32([owner.length], request));
  file.domains = await folder.write("domains.npy", writeNpyInt32([REQUESTS], domains));
  file.short = await folder.write("short.npy", writeNpyInt32([3], Int32Array.of(0, 1, 2)));
  file.floats = await folder.write("floats.npy", FLOATS);
  const negative = request.slice();
  negative[5] = -1;
  file.negative = await folder.write("negative.npy", writeNpyInt32([negative.length], negative));
});
afterAll(() => folder[Symbol.asyncDispose]());

const args = (...more: readonly string[]) => [
  "locality",
  "--trace",
  file.trace,
  "--requests",
  file.requests,
  "--instances",
  String(INSTANCES),
  "--batch",
  String(BATCH),
  ...more,
];

/** Mean distinct experts of a step in a layer, counted by hand from what the command wrote. */
function recount(instanceOf: ArrayLike<number>): number {
  const { arrivals } = requestTokens(request);
  const tokens = (of: number) => [...request.keys()].filter((token) => request[token] === of);
  let [sum, count] = [0, 0];
  for (let n = 0; n < INSTANCES; n++) {
    const queue = [...arrivals].filter((of) => instanceOf[of] === n).map(tokens);
    const answers = queue.map((all) => all.slice(Math.floor(all.length / 2)));
    const open = answers.splice(0, BATCH);
    for (;;) {
      for (const [i, own] of open.entries())
        if (own.length === 0 && answers.length > 0) open[i] = answers.shift() ?? [];
      if (open.some((own) => own.length === 0)) break;
      const rows = open.map((own) => own.shift() as number);
      for (let layer = 0; layer < LAYERS; layer++) {
        const read = rows.flatMap((row) => [
          ...ids.subarray((row * LAYERS + layer) * TOPK, (row * LAYERS + layer + 1) * TOPK),
        ]);
        sum += new Set(read.filter((id) => id >= 0)).size;
        count++;
      }
    }
  }
  return sum / count;
}

describe("plimsoll locality", () => {
  it.each([[["prefill"]], [["prefix"]], [["tenant", "--tenants"]], [["prefix", "--prefixes"]]])(
    "%s: fewer experts at equal load, as a count by hand says",
    async ([source, option]) => {
      const out = folder.path(`${source}-${option === undefined}.npy`);
      const kinds = option === undefined ? [] : [option, file.domains];
      const report = JSON.parse(
        await runHere(...args("--signature", source, ...kinds, "--out", out, "--json")),
      );
      const { dtype, shape, values } = readNpy(await readFile(out), out);
      expect({ dtype, shape }).toEqual({ dtype: "<i4", shape: [REQUESTS] });
      const { locality, "least-load": leastLoad } = report.policies;
      expect(locality.distinctExperts).toBeCloseTo(recount(values), 9);
      expect(locality.maxToMeanLoad).toBeLessThanOrEqual(1.05);
      expect(report.saved.distinctExperts).toBeGreaterThan(0.1);
      expect(report.saved.distinctExperts).toBeCloseTo(
        1 - locality.distinctExperts / leastLoad.distinctExperts,
        9,
      );
      // Of a kind's first request nothing is known.
      const unknown = option === undefined ? 0 : DOMAINS;
      expect(report.known.requests).toBe(REQUESTS - unknown);
    },
  );

  it.each(["warm", "cold"])("%s: knows no answer when it decides", async (learning) => {
    const other = ids.slice();
    const rng = new Rng(21);
    for (let of = 0; of < REQUESTS; of++) {
      const tokens = [...request.keys()].filter((token) => request[token] === of);
      for (const token of tokens.slice(Math.floor(tokens.length / 2)))
        for (let i = 0; i < LAYERS * TOPK; i++) other[token * LAYERS * TOPK + i] = rng.below(EXPERTS);
    }
    const trace = await folder.write("other.npy", writeNpyInt32([request.length, LAYERS, TOPK], other));
    const [before, after] = [folder.path("before.npy"), folder.path("after.npy")];
    const told = JSON.parse(await runHere(...args("--learning", learning, "--out", before, "--json")));
    await runHere(...args("--learning", learning, "--trace", trace, "--out", after, "--json"));
    expect(await readFile(after)).toEqual(await readFile(before));
    expect([told.learning, told.savedOther.learning]).toEqual([
      learning,
      learning === "warm" ? "cold" : "warm",
    ]);
    expect(told.saved.distinctExperts).toBeGreaterThan(0.1);
    expect(told.savedOther.distinctExperts).toBeGreaterThan(0.1);
  });

  it("says it for people", async () => {
    const text = await runHere(
      ...args("--sessions", file.domains, "--gpus", "2x2", "--out", folder.path("a.npy")),
    );
    for (const part of ["session", "locality-cold", "locality, placed", "Warm: ", "not timed", "2 x 2 GPUs"])
      expect(text).toContain(part);
  });

  it("refuses what does not fit, in one line", () =>
    expectExit2(folder, [
      [[...args(), "--requests", file.short], "short.npy: shape is (3); expected"],
      [[...args(), "--requests", file.floats], "floats.npy: descr is '<f8'; expected integers (requests)"],
      [[...args(), "--requests", file.negative], "negative.npy: token 5 has request -1; expected 0 or more"],
      [[...args(), "--requests", file.trace], "trace.npy: shape is"],
      [[...args(), "--trace", file.floats], "floats.npy: descr is '<f8'; expected integers"],
      [[...args(), "--signature", "tenant"], "--tenants: is missing"],
      [[...args(), "--tenants", file.short], "short.npy: shape is (3); expected (160)"],
      [[...args(), "--instances", "5000"], "--instances: is 5000; give at most 1024"],
      [[...args(), "--gpus", "8"], "Give nodes x GPUs"],
      [[...args(), "--model", "none-such"], "--model: "],
    ]));
});

describe("the benchmark in small", () => {
  it("has every way of choosing, the oracle among them", () => {
    const requests = requestTokens(request);
    const trace = { tokens: request.length, layers: LAYERS, topk: TOPK, experts: Int16Array.from(ids) };
    const stream = { name: "made", trace, experts: EXPERTS, requests, domains: Float64Array.from(domains) };
    const sizes = { instances: [2], batches: [8], pools: [[2, 2]] as const };
    const { rows, columns } = localityTable(stream, SMALL_MODEL, 1, () => {}, sizes);
    expect(rows).toHaveLength(11);
    const saved = (way: string) =>
      Number(rows.find((row) => row.includes(way))?.[columns.findIndex(({ name }) => name === "fewer, %")]);
    expect(saved("least-load")).toBe(0);
    expect(saved("locality, prefill, warm")).toBeGreaterThan(10);
    expect(saved("oracle")).toBeGreaterThan(saved("cache-aware"));
  });
});
