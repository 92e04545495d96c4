import { type Command, InvalidArgumentError, Option } from "commander";
import { CURVES, type CurveKind } from "../../replay/curve/step.ts";
import { readTime } from "../../lib/time-text.ts";

/** Loads of a curve, in the order given. */
export interface Sweep {
  readonly kind: CurveKind;
  readonly loads: readonly number[];
}

/** What a person says of a curve. */
export interface CurveFlags {
  readonly sweep?: Sweep;
  readonly findMax?: true;
  readonly step?: number;
  readonly settle?: number;
  readonly precision?: number;
  readonly attainment?: number;
}

const MOST_STEPS = 1000;
const MOST_STREAMS = 1_048_576;

/** Adds the options of a whole curve. */
export function withCurveOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--sweep <loads>",
        "a step each: rate=1,2,4,8, rate=1:16:x2, concurrency=1:256:x2",
      ).argParser(sweep),
    )
    .option("--find-max", "of a sweep: the highest load that holds --goodput, by bisection")
    .addOption(
      new Option("--step <time>", "how long each step counts (default: 30s; not with --requests)").argParser(
        time,
      ),
    )
    .addOption(
      new Option("--settle <time>", "at each step's begin, sent and not counted (default: 5s)").argParser(
        time,
      ),
    )
    .addOption(
      new Option(
        "--precision <part>",
        "how far apart what holds and what does not may be (default: 0.05)",
      ).argParser(part),
    )
    .addOption(
      new Option("--attainment <part>", "part of the requests that must be good (default: 0.95)").argParser(
        part,
      ),
    );
}

function time(text: string): number {
  const ms = readTime(text);
  if (ms === null) throw new InvalidArgumentError("Give a time like 30s or 2m.");
  return ms;
}

function part(text: string): number {
  const value = Number(text.trim() || "-");
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError("Give a number above 0, up to 1.");
  return value;
}

function sweep(text: string): Sweep {
  const [, word, list] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(text) ?? [];
  const kind = CURVES.find((name) => name === word);
  if (kind === undefined)
    throw new InvalidArgumentError("Give loads like rate=1,2,4 or concurrency=1:256:x2.");
  const loads = list.includes(":") ? stepped(list) : list.split(",").map(number);
  const isLoad = kind === "rate" ? (load: number) => load > 0 : isStreams;
  if (loads.length === 0 || !loads.every(isLoad))
    throw new InvalidArgumentError(`Give ${kind === "rate" ? "rates above 0" : "whole numbers from 1 on"}.`);
  return { kind, loads };
}

/** `1:16:x2`, `1:16:+1`: from one to the other, both included where the steps meet it. */
function stepped(text: string): number[] {
  const [, first, last, sign, by] = /^([\d.]+):([\d.]+):([x*+])([\d.]+)$/.exec(text) ?? [];
  const [from, to, step] = [first, last, by].map((one) => number(one ?? ""));
  const grows = sign === "+" ? step > 0 : step > 1;
  if (!(from > 0 && to >= from && grows))
    throw new InvalidArgumentError("Give first:last:xFACTOR or first:last:+STEP, like 1:16:x2.");
  const loads: number[] = [];
  for (let i = 0; ; i++) {
    const load = Number((sign === "+" ? from + i * step : from * step ** i).toPrecision(12));
    if (load > to) return loads;
    if (loads.push(load) > MOST_STEPS) throw new InvalidArgumentError(`Give at most ${MOST_STEPS} steps.`);
  }
}

function number(text: string): number {
  return /^(\d+(\.\d+)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
}

function isStreams(load: number): boolean {
  return Number.isInteger(load) && load >= 1 && load <= MOST_STREAMS;
}
