import type { Constants } from "./constants.ts";
import type { ModelSizes } from "./model-sizes.ts";
import {
  type ServingPoint,
  type ServingTimes,
  type Workers,
  outTokensPerSecondPerGpu,
} from "./serving-point.ts";
import { WorkerTime } from "./worker-time.ts";

/** Tokens of prompts that an engine computes in one step at most. */
const CHUNK = 8192;
const ROUNDS = 24;

/** What a serving point comes to by arithmetic: milliseconds, and tokens per second and GPU. */
export function predictPoint(point: ServingPoint, sizes: ModelSizes, constants: Constants): ServingTimes {
  const times = point.prefill === null ? together(point, sizes, constants) : apart(point, sizes, constants);
  const [ttftMs, tpotMs] = [times.ttft * 1000 * constants.ttft, times.tpot * 1000];
  return { ttftMs, tpotMs, outTokSGpu: outTokensPerSecondPerGpu(point, ttftMs, tpotMs) };
}

interface Seconds {
  readonly ttft: number;
  readonly tpot: number;
}

function lengths({ isl, osl, lengthRatio }: ServingPoint) {
  const mean = (1 + lengthRatio) / 2;
  return { prompt: isl * mean, answer: Math.max(1, osl * mean) };
}

/** Prompts and answers on the same engines. */
function together(point: ServingPoint, sizes: ModelSizes, c: Constants): Seconds {
  const { decode: shape, gpu, precision } = point;
  const { prompt, answer } = lengths(point);
  const worker = new WorkerTime(sizes, gpu, precision, shape, c);
  const ranks = shape.count * shape.dp;
  const share = point.concurrency / ranks;
  const running = softMin(share, worker.room(prompt + answer / 2));
  const alone = worker.prefill(prompt, prompt, 1, Math.ceil(prompt / CHUNK));
  const one = worker.prefill(prompt, prompt, shape.dp, Math.ceil(prompt / CHUNK));
  // Prompts of the ranks together, or one by one.
  const mixed = shape.dp === 1 ? one : one + (alone * shape.dp - one) * Math.min(1, c.lockstep);
  let batch = running;
  let tpot = 0;
  let ttft = 0;
  for (let round = 0; round < 3; round++) {
    const step = worker.decode(Math.max(batch, 1 / shape.dp), prompt + answer / 2);
    tpot = (step + (Math.max(0, running - 1 / shape.dp) / answer) * mixed * c.interference) * c.tpot;
    const busy = Math.min(0.95, (running * mixed) / (answer * tpot + one));
    ttft =
      c.first +
      c.own * (one + step) +
      (c.wait * one * busy) / (1 - busy) +
      c.burst * Math.max(0, running - 1) * mixed;
    batch = running * ((answer * tpot) / (answer * tpot + ttft));
  }
  const queue = ((share - running) / running) * (ttft + answer * tpot);
  return { ttft: ttft + queue, tpot };
}

/** Prompts on engines of their own, whose caches then travel. */
function apart(point: ServingPoint, sizes: ModelSizes, c: Constants): Seconds {
  const { decode, prefill, gpu, precision, concurrency } = point;
  if (prefill === null) throw new Error("no engines for prompts");
  const { prompt, answer } = lengths(point);
  const first = new WorkerTime(sizes, gpu, precision, prefill, c);
  const then = new WorkerTime(sizes, gpu, precision, decode, c);
  const servers = prefill.count * prefill.dp;
  const chunks = Math.ceil(prompt / CHUNK);
  const alone = first.prefill(prompt, prompt, 1, chunks);
  const one = first.prefill(prompt, prompt, prefill.dp, chunks);
  // Under load several prompts fill a step, and share what it costs beside them.
  const perStep = Math.max(1, Math.floor(CHUNK / prompt));
  const loaded = first.prefill(perStep * prompt, prompt, prefill.dp, chunks) / perStep;
  const ranks = decode.count * decode.dp;
  const room = then.room(prompt + answer / 2);
  const step = (batch: number) => then.decode(Math.max(batch, 1 / decode.dp), prompt + answer / 2) * c.tpot;
  // As many sequences decode that all requests are somewhere: bisected.
  const asked = Math.min(room, (concurrency / ranks) * admitted(decode, concurrency, c.admission));
  // More would begin than prompts can be computed, since a step of fewer takes no longer.
  const most = Math.min(asked, (servers * answer * step(asked)) / (loaded * ranks));
  let low = 0;
  let high = most;
  for (let round = 0; round < ROUNDS && low < high; round++) {
    const batch = round === 0 ? most : (low + high) / 2;
    const rate = rateOf(batch);
    const busy = (rate * loaded) / servers;
    if (busy < 1 && rate * firstToken(busy) + ranks * batch <= concurrency) low = batch;
    else high = batch;
  }
  // All that do not decode wait for their first token, also where neither side has room for more (Little's law).
  const found = low > 0 ? low : high;
  const tpot = step(found);
  return { ttft: Math.max(c.first + c.own * alone, concurrency / rateOf(found) - answer * tpot), tpot };

  /** Requests per second that end, where so many sequences of each rank decode. */
  function rateOf(batch: number): number {
    return (ranks * batch) / (answer * step(batch));
  }

  function firstToken(busy: number): number {
    const waiting = (c.wait * loaded * busy ** Math.sqrt(2 * (servers + 1))) / servers / (1 - busy);
    const burst = (c.burst * Math.max(0, concurrency - servers) * loaded) / servers;
    return c.first + c.own * (alone + (one - alone) * busy) + waiting + burst;
  }
}

/**
 * The part of the requests that engines without attention ranks admit: benchmarks set their limit to a power of two, of
 * which the requests of an engine are often no multiple.
 */
function admitted({ count, dp }: Workers, concurrency: number, strictness: number): number {
  const each = concurrency / count;
  if (dp > 1 || each < 1) return 1;
  return (2 ** Math.floor(Math.log2(each)) / each) ** Math.min(1, strictness);
}

/** The less of two, rounded off where they meet. */
function softMin(a: number, b: number): number {
  return a / (1 + (a / b) ** 8) ** (1 / 8);
}
