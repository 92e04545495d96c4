import { Rng } from "../../lib/rng.ts";
import type { Histogram } from "../../model/pool-counters.ts";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../../model/traffic.ts";
import { type Demand, tracedDemand } from "../demand.ts";
import { meanOf, percentile } from "./histogram.ts";
import type { Measured } from "./measured.ts";

/** Lengths as they were measured, which requests are drawn from. */
export interface MeasuredLengths {
  readonly promptTokens: Histogram;
  readonly answerTokens: Histogram;
  readonly cachedPart: number | null;
}

/** Requests that arithmetic takes lengths from, and how long they come, in seconds: within a trace's window. */
const DRAWN = 2000;
const DRAWN_SECONDS = 200;

/** What arithmetic is asked with. @param rate requests per second */
export function demandOf(measured: Measured, rate: number): Demand {
  const drawn = tracedDemand(drawMeasured(measured, DRAWN / DRAWN_SECONDS, DRAWN_SECONDS, 0));
  return { ...drawn, rate, prompt: measured.promptMean, answer: measured.answerMean };
}

/**
 * Requests that come each by itself, prompts and answers of lengths that are as likely as they were measured. The part of
 * prompts that was in caches is blocks which all have in common.
 */
export function drawMeasured(
  { promptTokens, answerTokens, cachedPart }: MeasuredLengths,
  rate: number,
  seconds: number,
  seed: number,
): TraceRequest[] {
  const rng = new Rng(seed, 23);
  const [prompts, answers] = [lengthsOf(promptTokens), lengthsOf(answerTokens)];
  const requests: TraceRequest[] = [];
  const gapMs = 1000 / rate;
  for (let at = rng.exponential(gapMs); at < seconds * 1000; at += rng.exponential(gapMs)) {
    const inputTokens = prompts(rng.uniform());
    const outputTokens = answers(rng.uniform());
    const blocks = ((cachedPart ?? 0) * inputTokens) / PREFIX_BLOCK_TOKENS + rng.uniform();
    const common = Math.min(Math.floor(blocks), Math.floor(inputTokens / PREFIX_BLOCK_TOKENS));
    const request = { arrivalMs: at, inputTokens, outputTokens };
    requests.push(
      common === 0 || cachedPart === null
        ? request
        : { ...request, prefixBlocks: Array.from({ length: common }, (_, i) => i + 1) },
    );
  }
  return requests;
}

/** Between their bounds lengths are not known: what is drawn is scaled so that the mean is what was measured. */
function lengthsOf(lengths: Histogram): (part: number) => number {
  const STEPS = 512;
  const raw = (part: number) => percentile(lengths, part) ?? 1;
  let sum = 0;
  for (let i = 0; i < STEPS; i++) sum += raw((i + 0.5) / STEPS);
  const scale = ((meanOf(lengths) ?? 1) * STEPS) / sum;
  return (part) => Math.max(1, Math.round(scale * raw(part)));
}
