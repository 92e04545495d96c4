import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import { MOST_REQUEST_TOKENS } from "../../model/traffic.ts";
import { decodeText, isObject, parseJsonObject, shown } from "../json.ts";

/** How a client's gaps between requests are distributed. */
export type GapKind = "Gamma" | "Weibull";

/** What a client does from a time on, until its next window. */
export interface ClientWindow {
  /** Seconds. */
  readonly from: number;
  /** Requests per second; 0 for none. */
  readonly rate: number;
  readonly gaps: GapKind;
  readonly shape: number;
}

/** Lengths of requests, as the points of a distribution function. */
export interface Lengths {
  /** Tokens, ascending. */
  readonly tokens: Float64Array;
  /** The part of requests that are no longer; the last is 1. */
  readonly parts: Float64Array;
}

/** Lengths from a time on, until the next. */
export interface ClientLengths {
  /** Seconds. */
  readonly from: number;
  readonly input: Lengths;
  readonly output: Lengths;
}

export interface ServegenClient {
  readonly id: number;
  readonly windows: readonly ClientWindow[];
  readonly lengths: readonly ClientLengths[];
}

/** A file and what messages call it. */
export interface NamedBytes {
  readonly bytes: Uint8Array;
  readonly source: string;
}

const FIELDS = 6;
/** Requests per second of one client, and in one of its windows; more is no traffic. */
const MOST_RATE = 1e5;
const MOST_REQUESTS = 1e7;
const WINDOW = "seconds, rate, CV, Gamma or Weibull, shape, scale";

/**
 * Reads a client of ServeGen (github.com/alibaba/ServeGen, data/<category>/<model>, and servegen/clientpool.py): of its
 * `chunk-N-trace.csv` when it sends how much, of `chunk-N-dataset.json` how long its requests are.
 * @throws InputError
 */
export function readServegenClient(id: number, trace: NamedBytes, dataset: NamedBytes): ServegenClient {
  return { id, windows: readWindows(trace), lengths: readLengths(dataset) };
}

/** Whether a line is one of a ServeGen trace, which has no header. */
export function isServegenLine(line: string): boolean {
  return /^\d+,[\d.e-]+,[\d.e-]+,(?:|Gamma|Weibull),[\d.e-]+,[\d.e-]+$/.test(line.trim());
}

function readWindows({ bytes, source }: NamedBytes): ClientWindow[] {
  const windows: ClientWindow[] = [];
  for (const [i, line] of decodeText(bytes, source).split("\n").entries()) {
    if (line.trim() === "") continue;
    const where = `line ${i + 1}`;
    const window = readWindow(line.trim(), source, where);
    const before = windows.at(-1);
    if (before !== undefined) {
      const seconds = window.from - before.from;
      if (seconds <= 0) {
        throw new InputError(
          source,
          where,
          `is of ${window.from} s, after ${before.from} s; sort the lines by time`,
        );
      }
      if (before.rate * seconds > MOST_REQUESTS) {
        const hint = `ends a window of ${seconds} s at ${before.rate} requests/s; expected at most ${MOST_REQUESTS} requests`;
        throw new InputError(source, where, hint);
      }
    }
    windows.push(window);
  }
  return windows;
}

function readWindow(line: string, source: string, where: string): ClientWindow {
  const cells = line.split(",");
  const hint = `is '${oneLine(line, 80)}'; expected ${WINDOW}`;
  if (cells.length !== FIELDS) throw new InputError(source, where, hint);
  const [from, rate, , , shape] = cells.map((cell) => (cell.trim() === "" ? Number.NaN : Number(cell)));
  const kind = cells[3].trim();
  if (!(from >= 0) || !Number.isFinite(from)) throw new InputError(source, where, hint);
  if (kind === "") return { from, rate: 0, gaps: "Gamma", shape: 1 };
  if (kind !== "Gamma" && kind !== "Weibull") throw new InputError(source, where, hint);
  if (!(rate >= 0 && rate <= MOST_RATE && shape > 0 && shape < 1e6))
    throw new InputError(source, where, hint);
  return { from, rate, gaps: kind, shape };
}

/** Keys of the tokens that are sent as text; those of images, audio and video are not. */
const INPUT = ["input_tokens", "text_tokens"];
const OUTPUT = ["output_tokens"];

function readLengths({ bytes, source }: NamedBytes): ClientLengths[] {
  const windows = Object.entries(parseJsonObject(decodeText(bytes, source), source, ""));
  const read = windows.flatMap(([key, fields]): ClientLengths[] => {
    const from = /^\d{1,15}$/.test(key) ? Number(key) : Number.NaN;
    if (Number.isNaN(from) || !isObject(fields)) {
      throw new InputError(source, key, `is ${shown(fields)}; expected lengths from a second on`);
    }
    const input = readPoints(fields, INPUT, source, key);
    const output = readPoints(fields, OUTPUT, source, key);
    return input === null || output === null ? [] : [{ from, input, output }];
  });
  return read.toSorted((a, b) => a.from - b.from);
}

/** Null where there are none, as in windows without requests. */
function readPoints(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
  source: string,
  key: string,
): Lengths | null {
  const name = names.find((one) => fields[one] !== undefined) ?? names[0];
  const written = fields[name];
  const field = `${key}.${name}`;
  if (typeof written !== "string") {
    throw new InputError(source, field, `is ${shown(written)}; expected "{tokens: part, …}"`);
  }
  const points = pointsOf(written, source, field);
  const sum = points.reduce((total, [, part]) => total + part, 0);
  if (points.length === 0) return null;
  if (!(sum > 0.99 && sum < 1.01)) {
    throw new InputError(source, field, `has parts that make ${sum}; expected 1`);
  }
  let before = 0;
  const parts = points.map(([, part]) => (before += part / sum));
  parts[parts.length - 1] = 1;
  return { tokens: Float64Array.from(points, ([tokens]) => tokens), parts: Float64Array.from(parts) };
}

/** A dictionary as Python writes it. */
function pointsOf(written: string, source: string, field: string): [tokens: number, part: number][] {
  const inside = /^\s*\{([\s\S]*)\}\s*$/.exec(written)?.[1];
  const points = inside === undefined || inside.trim() === "" ? [] : inside.split(",");
  if (inside === undefined)
    throw new InputError(source, field, `is ${shown(written)}; expected "{tokens: part, …}"`);
  return points
    .map((point): [number, number] => {
      const [tokens, part, ...more] = point.split(":").map((one) => Number(one.trim() === "" ? "x" : one));
      const fits =
        more.length === 0 && tokens >= 0 && tokens <= MOST_REQUEST_TOKENS && part >= 0 && part <= 1.01;
      if (fits) return [Math.max(1, Math.round(tokens)), part];
      throw new InputError(source, field, `has '${oneLine(point, 40)}'; expected tokens: part`);
    })
    .toSorted(([a], [b]) => a - b);
}
