import type { AnswerTruth } from "../../../src/replay/self-test/timed-mock.ts";
import { type Percentiles, percentileOf } from "./percentiles.ts";

/** What both tools say of a run. Latencies in milliseconds; ITL is of gaps between frames, TPOT of whole answers. */
export const FIGURES = [
  "TTFT p50",
  "TTFT p95",
  "TTFT p99",
  "TTFT from the schedule p50",
  "TTFT from the schedule p95",
  "TTFT from the schedule p99",
  "ITL p50",
  "ITL p99",
  "TPOT p50",
  "TPOT p99",
  "requests/s",
  "tokens/s",
] as const;

type Figure = (typeof FIGURES)[number];

/** Null where the tool does not say. */
export type Figures = Readonly<Record<Figure, number | null>>;

/**
 * What a tool would have said that adds nothing: times between the mock's having a request and its writes, and its
 * answers by the time from the first request it had to the last frame it wrote. From the schedule it is the same, for a
 * tool that sends on time.
 * @throws Error where nothing was answered
 */
export function truthOf(answers: readonly AnswerTruth[], way: Percentiles): Figures {
  if (answers.length === 0) throw new Error("the mock answered nothing");
  const first = sorted(answers.map(({ receivedMs, writtenMs }) => writtenMs[0] - receivedMs));
  const gaps = sorted(answers.flatMap(({ writtenMs }) => gapsOf(writtenMs)));
  const perToken = sorted(
    answers.flatMap(({ writtenMs }) =>
      writtenMs.length < 2 ? [] : [(last(writtenMs) - writtenMs[0]) / (writtenMs.length - 1)],
    ),
  );
  const from = answers.reduce(
    (least, { receivedMs }) => Math.min(least, receivedMs),
    Number.POSITIVE_INFINITY,
  );
  const to = answers.reduce((most, { writtenMs }) => Math.max(most, last(writtenMs)), 0);
  const seconds = (to - from) / 1000;
  const at = (values: Float64Array, percent: number) =>
    values.length === 0 ? null : percentileOf(values, percent, way);
  return {
    "TTFT p50": at(first, 50),
    "TTFT p95": at(first, 95),
    "TTFT p99": at(first, 99),
    "TTFT from the schedule p50": at(first, 50),
    "TTFT from the schedule p95": at(first, 95),
    "TTFT from the schedule p99": at(first, 99),
    "ITL p50": at(gaps, 50),
    "ITL p99": at(gaps, 99),
    "TPOT p50": at(perToken, 50),
    "TPOT p99": at(perToken, 99),
    "requests/s": answers.length / seconds,
    "tokens/s": answers.reduce((sum, { writtenMs }) => sum + writtenMs.length, 0) / seconds,
  };
}

/** Per cent that a figure is above its truth; null where the tool does not say it. */
export function errorPercent(measured: number | null, truth: number | null): number | null {
  return measured === null || truth === null ? null : (100 * (measured - truth)) / truth;
}

/** Between one write and the next, milliseconds. */
export function gapsOf(writtenMs: Float64Array): number[] {
  return Array.from(writtenMs.subarray(1), (at, i) => at - writtenMs[i]);
}

function sorted(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort();
}

function last(times: Float64Array): number {
  return times[times.length - 1];
}
