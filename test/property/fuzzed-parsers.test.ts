import { expect, test } from "vitest";
import { ALL_PARSERS } from "../../harness/fuzz/all-parsers.ts";
import { BlockCoverage } from "../../harness/fuzz/block-coverage.ts";
import { ParserFuzz, rngOf } from "../../harness/fuzz/parser-fuzz.ts";
import { type FuzzedParser, outcome, ParserFault } from "../../harness/fuzz/parser.ts";
import { InputError } from "../../src/lib/errors.ts";
import { RUNS_TIMEOUT_MS, runs } from "../runs.ts";

/** `npm run fuzz` reads as many as one likes. */
const INPUTS = 60;
const WEIGHED = ALL_PARSERS.map((parser) => [parser.name, parser] as const);

test.each(WEIGHED)(
  "%s: its own files are read; changed ones are read or refused in one line, and no more is made of them than they hold",
  async (name, parser) => {
    const fuzz = new ParserFuzz(parser, rngOf(1, name));
    await fuzz.readFiles();
    await fuzz.run(runs(Math.ceil(INPUTS * (parser.weight ?? 1))));
    expect(fuzz.faults).toEqual([]);
  },
  RUNS_TIMEOUT_MS,
);

/** Of bytes that begin with a letter and have a zero later on. */
const broken = (read: FuzzedParser["read"]): FuzzedParser => ({
  name: "broken",
  files: [Buffer.from("a file"), Buffer.from("[[1,2],[3]]")],
  read,
});

test.each([
  ["another error", () => (null as unknown as Buffer).length, "throws what is no refusal: TypeError"],
  ["several lines", () => fails("a\nb"), "refuses in what is not one line"],
  ["endless recursion", recurse, "throws what is no refusal: RangeError"],
  ["more than there is", (bytes: Buffer) => new Uint8Array(1000 + 99 * bytes.length), "makes"],
])("%s is a fault", async (_, fault, words) => {
  const reading = outcome(
    broken((bytes) => (bytes.includes(0) ? fault(bytes) : null)),
    Buffer.of(97, 0),
  );
  await expect(reading).rejects.toThrow(ParserFault);
  await expect(reading).rejects.toThrow(words);
});

function fails(words: string): never {
  throw Object.assign(new InputError("f", "", "x"), { message: words });
}

function recurse(): number {
  return 1 + recurse();
}

test("the same seed has the same inputs", async () => {
  const seen = async (seed: number) => {
    const inputs: string[] = [];
    const parser = broken((bytes) => inputs.push(bytes.toString("latin1")));
    await new ParserFuzz(parser, rngOf(seed, "x")).run(50);
    return inputs;
  };
  expect(await seen(1)).toEqual(await seen(1));
  expect(await seen(1)).not.toEqual(await seen(2));
});

test("an input that reaches source which none had reached joins the corpus", async () => {
  const parser = ALL_PARSERS.find(({ name }) => name === "binary-load") ?? ALL_PARSERS[0];
  using coverage = new BlockCoverage();
  const [guided, unguided] = [coverage, null].map((guide) => new ParserFuzz(parser, rngOf(1, "x"), guide));
  await unguided.run(200);
  expect(unguided.corpus.length).toBe(parser.files.length);
  // What has run before in this process reaches nothing new.
  await guided.run(200);
  expect(guided.corpus.length).toBeGreaterThan(parser.files.length);
  expect(coverage.reached).toBeGreaterThan(1000);
});
