import { type LoadPlan, loadOf } from "../load/load-plan.ts";
import { madeUpRequests } from "../load/made-up-lengths.ts";
import { RequestSource } from "../load/request-source.ts";
import { WHOLE } from "../load/share.ts";
import { Replay } from "../replay.ts";
import { compare } from "./compare.ts";
import { watchCore } from "./core-use.ts";
import { framePace } from "./frame-pace.ts";
import { MockServer } from "./mock-server.ts";
import { monotonicMs } from "./monotonic.ts";
import { type SeenAnswer, seenAnswer } from "./seen-answer.ts";
import type { SelfTestStep } from "./self-verdict.ts";

const LEAD_MS = 50;
/** All streams go on for so long behind the time that counts: what was written in it is read under full load. */
const TAIL_MS = 250;
const PROMPT = { tokens: 20, spread: 0 };
const ANSWER = { tokens: 60, spread: 0.5 };
/** Gaps are as each step asks for. */
const TIMES = { firstMs: { least: 20, most: 60 }, gapMs: { least: 10, most: 30 } };
const SOCKETS = 16_384;

export interface SelfTestOptions {
  /** Streams of each step. */
  readonly steps: readonly number[];
  /** How long each counts. */
  readonly stepMs: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onStep: (step: SelfTestStep) => void;
}

/** Measures a server of known timing, which runs in a process of its own on loopback, and compares. */
export async function selfTest(options: SelfTestOptions): Promise<SelfTestStep[]> {
  const { steps, seed, signal, onStep } = options;
  await using mock = new MockServer();
  const { port } = await mock.listen(seed, TIMES);
  const url = new URL(`http://127.0.0.1:${port}`);
  const source = new RequestSource(madeUpRequests(PROMPT, ANSWER, seed));
  const done: SelfTestStep[] = [];
  for (const streams of steps) {
    const step = await selfTestStep(streams, { ...options, mock, url, source });
    if (signal.aborted) break;
    done.push(step);
    onStep(step);
  }
  return done;
}

interface StepParts extends SelfTestOptions {
  readonly mock: MockServer;
  readonly url: URL;
  readonly source: RequestSource;
}

/** Keeps so many streams open, and cuts them when the step is over. */
async function selfTestStep(
  streams: number,
  { stepMs, seed, signal, mock, url, source }: StepParts,
): Promise<SelfTestStep> {
  const { gapMs, settleMs } = framePace(streams);
  const seen: SeenAnswer[] = [];
  const beginsAt = performance.now() + LEAD_MS;
  const toMs = settleMs + stepMs;
  const plan: LoadPlan = {
    pace: { kind: "concurrency", streams },
    bounds: {
      warmUp: { requests: 0, ms: settleMs },
      requests: Number.POSITIVE_INFINITY,
      durationMs: Number.POSITIVE_INFINITY,
    },
    seed,
  };
  const replay = new Replay({
    target: { url, headers: [], insecure: false, keepAlive: true },
    style: { endpoint: "chat", model: "mock", lengths: "forced", extra: { gap_ms: gapMs } },
    load: loadOf(plan, source, WHOLE),
    maxInFlight: SOCKETS,
    seed,
    beginsAt,
    onRecord: (record) => void seen.push(seenAnswer(record)),
  });
  const core = watchCore();
  await replay.run(AbortSignal.any([signal, over(LEAD_MS + toMs + TAIL_MS)]));
  const client = core();
  const { truths, core: mockCore } = await mock.take();
  const beganMs = beginsAt + monotonicMs() - performance.now();
  const comparison = compare(seen, truths, { beganMs, fromMs: settleMs, toMs });
  const frames = truths.reduce((sum, { writtenMs }) => sum + writtenMs.length, 0);
  return {
    streams,
    gapMs,
    framesPerSecond: (1000 * comparison.frames) / stepMs,
    read: { answers: truths.length, frames },
    ...comparison,
    client,
    mock: mockCore,
  };
}

/** Aborts after so long, and only when what has come until then is read. */
function over(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => setImmediate(() => controller.abort()), Math.ceil(ms)).unref();
  return controller.signal;
}
