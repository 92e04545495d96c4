import { type Command, InvalidArgumentError, Option } from "commander";
import { countOption, positiveOption } from "../options.ts";
import { type LengthSpread, readLengthSpread } from "../../model/length-spread.ts";
import type { TraceWindow } from "../../replay/load/trace-window.ts";
import { MOST_REQUEST_TOKENS } from "../../model/traffic.ts";
import { readTime } from "../../lib/time-text.ts";

/** A rate that changes: requests per second at first and at last, and the time between. */
export interface Ramp {
  readonly from: number;
  readonly to: number;
  readonly ms: number;
}

/** What a person says of the load. */
export interface LoadFlags {
  readonly speed: number;
  readonly rate?: number;
  readonly burstiness?: number;
  readonly ramp?: Ramp;
  readonly concurrency?: number;
  readonly requests?: number;
  readonly duration?: number;
  readonly warmUp?: { readonly requests: number; readonly ms: number };
  readonly window?: TraceWindow;
  readonly isl?: LengthSpread;
  readonly osl?: LengthSpread;
}

/** Adds the options that say which requests go when. */
export function withLoadOptions(command: Command): Command {
  return command
    .addOption(positiveOption("--speed <factor>", "2 plays the trace in half its time").default(1))
    .addOption(positiveOption("--rate <per second>", "requests per second, instead of the trace's times"))
    .addOption(
      new Option(
        "--burstiness <shape>",
        "of a rate: 1 Poisson (default), lower burstier, inf even",
      ).argParser(burstiness),
    )
    .addOption(
      new Option("--ramp <from:to:time>", "a rate that goes evenly from one to the other").argParser(ramp),
    )
    .addOption(countOption("--concurrency <n>", "so many requests in flight all the time (closed loop)"))
    .addOption(countOption("--requests <n>", "send so many"))
    .addOption(positiveOption("--duration <seconds>", "start no request after this"))
    .addOption(
      new Option(
        "--warm-up <time|n>",
        "first so long (30s, 2m) or so many (100), sent and not counted",
      ).argParser(warmUp),
    )
    .addOption(
      new Option("--window <from:to>", "of the trace's own time, in seconds or as 10m:1h").argParser(window),
    )
    .addOption(
      new Option("--isl <tokens>", "no trace: prompts so long; 1000:0.2 for evenly 800 to 1200").argParser(
        length,
      ),
    )
    .addOption(new Option("--osl <tokens>", "and answers so long").argParser(length));
}

function burstiness(text: string): number {
  const value = text.trim() === "inf" ? Number.POSITIVE_INFINITY : Number(text.trim() || "-");
  if (!(value > 0)) throw new InvalidArgumentError("Give a number above 0, or inf.");
  return value;
}

function ramp(text: string): Ramp {
  const [from, to, time, ...more] = text.split(":");
  const ms = readTime(time ?? "");
  const rates = [from, to].map((part) => Number(part?.trim() || "-"));
  if (
    ms === null ||
    ms === 0 ||
    more.length > 0 ||
    !rates.every((rate) => rate >= 0 && Number.isFinite(rate))
  )
    throw new InvalidArgumentError("Give two rates and a time, like 1:20:5m.");
  if (rates[0] + rates[1] === 0) throw new InvalidArgumentError("Give a rate above 0.");
  return { from: rates[0], to: rates[1], ms };
}

function warmUp(text: string): NonNullable<LoadFlags["warmUp"]> {
  const requests = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : 0;
  const ms = requests > 0 ? 0 : readTime(text);
  if (ms === null || requests + ms === 0)
    throw new InvalidArgumentError("Give a time with its unit, like 30s, or a number of requests, like 100.");
  return { requests, ms };
}

function window(text: string): TraceWindow {
  const parts = text.split(":").map((part) => part.trim());
  const fromMs = parts[0] === "" ? 0 : readTime(parts[0]);
  const toMs = (parts[1] ?? "") === "" ? Number.POSITIVE_INFINITY : readTime(parts[1]);
  if (parts.length !== 2 || fromMs === null || toMs === null || fromMs >= toMs)
    throw new InvalidArgumentError(
      "Give two times, the first below the second, like 600:1200, 10m:20m or 1h:.",
    );
  return { fromMs, toMs };
}

function length(text: string): LengthSpread {
  const spread = readLengthSpread(text);
  if (spread === null)
    throw new InvalidArgumentError(
      `Give 1..${MOST_REQUEST_TOKENS} tokens, or with a spread in 0..1 like 1000:0.2.`,
    );
  return spread;
}
