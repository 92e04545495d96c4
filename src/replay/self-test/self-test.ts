import { loadOf } from "../load/load-plan.ts";
import { madeUpRequests } from "../load/made-up-lengths.ts";
import { RequestSource } from "../load/request-source.ts";
import { WHOLE } from "../load/share.ts";
import { Replay } from "../replay.ts";
import type { RequestRecord } from "../request-record.ts";
import { compare } from "./compare.ts";
import { watchCore } from "./core-use.ts";
import { MockServer } from "./mock-server.ts";
import { monotonicMs } from "./monotonic.ts";
import type { SelfTestStep } from "./self-verdict.ts";

/** At a step's begin connections open and code is compiled. */
const SETTLE_MS = 1000;
const LEAD_MS = 50;
const PROMPT = { tokens: 20, spread: 0 };
const ANSWER = { tokens: 60, spread: 0.5 };
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
export async function selfTest({
  steps,
  stepMs,
  seed,
  signal,
  onStep,
}: SelfTestOptions): Promise<SelfTestStep[]> {
  await using mock = new MockServer();
  const { port } = await mock.listen(seed, TIMES);
  const source = new RequestSource(madeUpRequests(PROMPT, ANSWER, seed));
  const done: SelfTestStep[] = [];
  for (const streams of steps) {
    const records: RequestRecord[] = [];
    const beginsAt = performance.now() + LEAD_MS;
    const plan = {
      pace: { kind: "concurrency", streams },
      bounds: {
        warmUp: { requests: 0, ms: SETTLE_MS },
        requests: Number.POSITIVE_INFINITY,
        durationMs: stepMs,
      },
      seed,
    } as const;
    const replay = new Replay({
      target: { url: new URL(`http://127.0.0.1:${port}`), headers: [], insecure: false, keepAlive: true },
      style: { endpoint: "chat", model: "mock", lengths: "forced", extra: {} },
      load: loadOf(plan, source, WHOLE),
      maxInFlight: SOCKETS,
      seed,
      beginsAt,
      onRecord: (record) => void (record.warmUp || records.push(record)),
    });
    const core = watchCore();
    await replay.run(signal);
    const client = core();
    const { truths, core: mockCore } = await mock.take();
    if (signal.aborted) break;
    const beganMs = beginsAt + monotonicMs() - performance.now();
    const frames = truths.reduce((sum, { writtenMs }) => sum + writtenMs.length, 0);
    const read = { answers: truths.length, frames };
    const step = { streams, read, ...compare(records, truths, beganMs), client, mock: mockCore };
    done.push(step);
    onStep(step);
  }
  return done;
}
