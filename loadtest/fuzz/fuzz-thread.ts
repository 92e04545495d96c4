import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort, workerData } from "node:worker_threads";
import { ALL_PARSERS } from "../../harness/fuzz/all-parsers.ts";
import { BlockCoverage } from "../../harness/fuzz/block-coverage.ts";
import { ParserFuzz, rngOf } from "../../harness/fuzz/parser-fuzz.ts";
import { SharedInput } from "./shared-input.ts";

/** What a thread is to do. */
export interface FuzzJob {
  readonly memory: SharedArrayBuffer;
  readonly parsers: readonly string[];
  readonly inputs: number;
  readonly seed: number;
  readonly guided: boolean;
}

/** What a parser has come to. */
export interface ParserTally {
  readonly name: string;
  readonly inputs: number;
  readonly refused: number;
  /** Inputs that reached what none before them had. */
  readonly found: number;
  readonly seconds: number;
}

/** What a thread reports after each round of all parsers. */
export interface FuzzReport {
  readonly tallies: readonly ParserTally[];
  /** New since the last. */
  readonly faults: readonly { readonly parser: string; readonly input: Uint8Array; readonly words: string }[];
  /** In use after a collection, without the corpora. */
  readonly heapBytes: number;
  /** Letters of the program's source that have run. */
  readonly reached: number;
}

/** The heap is looked at after each. */
const ROUNDS = 40;
/** A parser that fails again and again is left alone. */
const MOST_FAULTS = 20;

const job = workerData as FuzzJob;
const shared = new SharedInput(job.memory);
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const chosen = ALL_PARSERS.filter(({ name }) => job.parsers.includes(name));
const coverage = new BlockCoverage();
const guide = job.guided ? coverage : null;
const weights = chosen.reduce((sum, { weight = 1 }) => sum + weight, 0);
const runs = chosen.map((parser) => {
  const number = ALL_PARSERS.indexOf(parser);
  const fuzz = new ParserFuzz(parser, rngOf(job.seed, parser.name), guide, (input) =>
    shared.put(number, input),
  );
  const inputs = Math.ceil((job.inputs * (parser.weight ?? 1)) / weights);
  return { fuzz, inputs, faults: 0, ms: 0 };
});
for (const { fuzz } of runs) await fuzz.readFiles();
for (let round = 1; round <= ROUNDS; round++) {
  for (const run of runs) {
    if (run.fuzz.faults.length >= MOST_FAULTS) continue;
    const from = performance.now();
    await run.fuzz.run(Math.round((run.inputs * round) / ROUNDS) - run.fuzz.inputs);
    run.ms += performance.now() - from;
  }
  parentPort?.postMessage(report());
}

function report(): FuzzReport {
  // What the first finds unreachable, but for its finalizers, the second frees.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const corpora = runs.reduce(
    (sum, { fuzz }) => sum + fuzz.corpus.reduce((bytes, { length }) => bytes + length, 0),
    0,
  );
  const faults = runs.flatMap((run) => {
    const added = run.fuzz.faults.slice(run.faults);
    run.faults += added.length;
    return added;
  });
  const tallies = runs.map(({ fuzz, ms }) => ({
    name: fuzz.parser.name,
    inputs: fuzz.inputs,
    refused: fuzz.refused,
    found: fuzz.corpus.length - fuzz.parser.files.length,
    seconds: ms / 1000,
  }));
  coverage.hasNew(true);
  return { tallies, faults, heapBytes: heapUsed + arrayBuffers - corpora, reached: coverage.reached };
}
