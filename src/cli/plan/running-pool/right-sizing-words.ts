import { boundText } from "../../../plans/plan-terms.ts";
import { decimals, milliseconds, threeDigits } from "../../../lib/number-text.ts";
import { sayShape, unitGpus } from "../../../planner/layout.ts";
import { type Times, timeAt } from "../../../planner/right-sizing/measured.ts";
import type { Row } from "../plan-words.ts";
import { type Answered, ratioOf } from "./right-sizing-report.ts";

/** Fewer requests say little of a 95th percentile. */
const FEW = 100;
const PARTS = 100;

/** The answer in a sentence. */
export function leadText({ name, target, result }: Answered): string {
  const { room, measured, keepsNow } = result;
  const asked = `TTFT p${target.ttftPercentile} ${target.ttftMs} ms and ITL p${target.itlPercentile} ${target.itlMs} ms`;
  const missed =
    keepsNow === false
      ? `Pool ${name} misses its target now (${asked}); `
      : keepsNow === null
        ? `Pool ${name} streams nothing, so its times are not known; `
        : `Pool ${name} keeps its target (${asked}); `;
  if (room.factor === 0) return `${missed}the twin keeps it at no rate.`;
  const at = `${threeDigits(room.factor * measured.rate)} requests/s`;
  if (room.beyond === null)
    return `${missed}there is room for more than ${room.factor.toFixed(0)} times this traffic (${at}).`;
  if (room.factor < 1)
    return `${missed}it would keep it up to ${room.factor.toFixed(2)} of this traffic (${at}).`;
  return `${missed}there is room for ${room.factor.toFixed(2)} times this traffic (${at}).`;
}

/** What is measured. */
export function nowRows({ pool, result, notes, target }: Answered): Row[] {
  const { measured, gpus } = result;
  const { layout } = pool.unit;
  const shape =
    layout.prefill === null
      ? sayShape(layout.decode)
      : `prefill ${sayShape(layout.prefill)} beside decode ${sayShape(layout.decode)}`;
  const units = pool.units === 1 ? "one unit" : `${pool.units} units of ${unitGpus(layout)}`;
  const { refused, failed, cancelled, ok } = measured.ended;
  const lost = measured.shards - measured.readyShards;
  return [
    [
      "pool",
      `${gpus} ${layout.type.gpu.name.toUpperCase()}: ${pool.model.name} in ${pool.precision}, ${units} (${shape})`,
    ],
    [
      "traffic",
      `${threeDigits(measured.rate)} requests/s of ${decimals(measured.promptMean, 0)} + ${decimals(measured.answerMean, 0)} tokens${cachedText(measured.cachedPart)}, over ${decimals(measured.seconds, 0)} s`,
    ],
    [
      "ended",
      `${ok} answered, ${refused} refused, ${failed} failed, ${cancelled} left${ok < FEW ? ": few, watch longer (--window)" : ""}`,
    ],
    ["first token", timesText(measured.ttftMs, target.ttftPercentile)],
    ["between tokens", timesText(measured.itlMs, target.itlPercentile)],
    [
      "in flight",
      `${decimals(measured.inFlight, 1)} requests${measured.waiting === null ? "" : `, ${decimals(measured.waiting, 1)} wait in engines`}${measured.fullestShard === null ? "" : `; the fullest of ${measured.shards} shards has ${decimals(measured.fullestShard, 2)} times the mean`}`,
    ],
    ...(measured.kvUse === null
      ? []
      : [
          [
            "KV cache",
            `${percent(measured.kvUse)} used, ${percent(measured.kvUseMost ?? 0)} at most on a shard`,
          ] as const,
        ]),
    ["balancedness", measured.balancedness === null ? "not reported" : decimals(measured.balancedness, 3)],
    ...(lost + measured.lostRanks === 0
      ? []
      : [
          [
            "away",
            `${lost} of ${measured.shards} shards not ready, ${measured.lostRanks} ranks lost`,
          ] as const,
        ]),
    ...lengthsNote(measured.countedByEngine),
    ...notes.map((note) => ["assumed", note] as const),
  ];
}

function lengthsNote(countedByEngine: number): Row[] {
  if (countedByEngine > 0.99) return [];
  const part = percent(1 - countedByEngine);
  return [
    [
      "lengths",
      `of ${part} of the prompts estimated by their bytes: engines count them where requests ask for usage`,
    ],
  ];
}

/** The model beside it. */
export function modelRows({ result, target }: Answered): Row[] {
  const { measured, predicted, clock } = result;
  const balance = ratioOf(predicted.balancedness, measured.balancedness);
  return [
    row("TTFT p50", predicted.ttftMs?.p50, measured.ttftMs?.p50),
    ...percentileRow("TTFT", target.ttftPercentile, predicted.ttftMs, measured.ttftMs),
    row("ITL mean", predicted.itlMs?.mean, measured.itlMs?.mean),
    row("ITL p50", predicted.itlMs?.p50, measured.itlMs?.p50),
    ...percentileRow("ITL", target.itlPercentile, predicted.itlMs, measured.itlMs),
    [
      "balancedness",
      `${decimals(predicted.balancedness, 3)}, measured ${decimals(measured.balancedness, 3)}${balance === null ? "" : `: × ${balance.toFixed(2)}`}`,
    ],
    [
      "taken from here on",
      `steps × ${clock.steps.toFixed(2)} of the model's, ${milliseconds(clock.outsideMs)} ms outside the pool; then TTFT p${target.ttftPercentile} × ${clock.ttft.toFixed(2)}, ITL p${target.itlPercentile} × ${clock.itl.toFixed(2)}: what is measured`,
    ],
  ];
}

function row(name: string, said: number | null | undefined, seen: number | null | undefined): Row {
  const ratio = ratioOf(said, seen);
  return [
    name,
    `${milliseconds(said)} ms, measured ${milliseconds(seen)}${ratio === null ? "" : `: × ${ratio.toFixed(2)}`}`,
  ];
}

/** Beside the median. */
function percentileRow(name: string, percentile: number, said: Times | null, seen: Times | null): Row[] {
  if (percentile === 50) return [];
  return [row(`${name} p${percentile}`, timeOf(said, percentile), timeOf(seen, percentile))];
}

/** How much more, and what gives way. */
export function roomRows({ result, target }: Answered): Row[] {
  const { room, roomFrom, roomTo, beyond, limit, lost, measured } = result;
  const what = !Number.isFinite(limit.gain) ? "by arithmetic no rate keeps the target" : boundText(limit);
  const away = lost.what === "unit" ? "one unit away" : "one GPU away";
  return [
    [
      "most traffic",
      room.factor === 0
        ? "none"
        : `${room.beyond === null ? "more than " : ""}× ${room.factor.toFixed(2)}, ${threeDigits(room.factor * measured.rate)} requests/s (× ${roomFrom.toFixed(2)} to ${roomTo.toFixed(2)} with other requests of this kind)`,
    ],
    [
      "gives way first",
      room.factor === 0 ? "the target is not kept by any request alone" : givesWay(result, target),
    ],
    [
      room.beyond === null ? "there" : "just beyond",
      `× ${beyond.factor.toFixed(2)}: TTFT p${target.ttftPercentile} ${milliseconds(timeOf(beyond.ttftMs, target.ttftPercentile))} of ${target.ttftMs} ms, ITL p${target.itlPercentile} ${milliseconds(timeOf(beyond.itlMs, target.itlPercentile))} of ${target.itlMs} ms${beyond.failed > 0 ? `, ${beyond.failed} requests with no room in the cache` : ""}`,
    ],
    ["what binds", what],
    [
      away,
      lost.factor === 0
        ? lost.what === "unit"
          ? "nothing answers: it is the only one"
          : "experts are missing: the others have no slots for all"
        : lost.survives
          ? `the target is kept: × ${lost.factor.toFixed(2)} of this traffic fits then`
          : `the target is lost: × ${lost.factor.toFixed(2)} of this traffic would fit`,
    ],
  ];
}

function timeOf(times: Times | null, percentile: number): number | null {
  return times === null ? null : timeAt(times, percentile);
}

/** What misses its part of the target by most. */
function givesWay({ beyond, room }: Answered["result"], target: Answered["target"]): string {
  if (room.beyond === null) return "nothing, as far as it was looked";
  if (beyond.failed > 0) return "memory: requests find no room in the cache";
  const first = (timeOf(beyond.ttftMs, target.ttftPercentile) ?? 0) / target.ttftMs;
  const between = (timeOf(beyond.itlMs, target.itlPercentile) ?? 0) / target.itlMs;
  return first >= between ? "the time to the first token" : "the time between tokens";
}

/** What to change, the most worth first. */
export function changeRows({ result }: Answered): Row[] {
  const { changes, useless } = result;
  const rows = changes.map(({ text, gpusSaved, gain }, i): Row => {
    const worth = [
      ...(gpusSaved === 0
        ? []
        : [gpusSaved > 0 ? `frees ${gpusText(gpusSaved)}` : `takes ${gpusText(-gpusSaved)} more`]),
      ...(gain === null ? [] : [`room for ${decimals(PARTS * gain, 0)} % more traffic`]),
    ];
    return [`${i + 1}`, `${text}: ${worth.join(", ")}`];
  });
  const nothing: Row[] = rows.length === 0 ? [["nothing", "no change that was looked at pays"]] : rows;
  return useless.length === 0 ? nothing : [...nothing, ["worth nothing here", useless.join("; ")]];
}

function gpusText(count: number): string {
  return `${count} GPU${count === 1 ? "" : "s"}`;
}

function timesText(times: Times | null, percentile: number): string {
  if (times === null) return "not measured: no answer was streamed";
  const beside = percentile === 50 ? "" : `, p${percentile} ${milliseconds(timeAt(times, percentile))} ms`;
  return `p50 ${milliseconds(times.p50)} ms${beside}`;
}

function cachedText(part: number | null): string {
  return part === null ? "" : ` (${percent(part)} of prompts' in a cache)`;
}

function percent(part: number): string {
  return `${decimals(PARTS * part, 0)} %`;
}
