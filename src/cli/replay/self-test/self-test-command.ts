import { availableParallelism, loadavg } from "node:os";
import { selfTest } from "../../../replay/self-test/self-test.ts";
import { MOST_ERROR_MS, selfVerdict } from "../../../replay/self-test/self-verdict.ts";
import { output } from "../../output.ts";
import { stoppable } from "../../stoppable.ts";
import { selfTestReport, selfTestText, stepText } from "./self-test-text.ts";

const STEPS = [32, 128, 512, 2000];
const STEP_MS = 4000;
const INTERRUPTED = 130;

/** What a person may say of it. */
interface SelfTestFlags {
  readonly concurrency?: number;
  readonly step?: number;
  readonly seed: number;
  readonly json?: true;
}

/** `replay --self-test`: the load tester measures a server of known timing. */
export async function selfTestCommand({ concurrency, step, seed, json }: SelfTestFlags): Promise<void> {
  const out = output(json ?? false);
  const overload = loadavg()[0] > availableParallelism();
  const steps = concurrency === undefined ? STEPS : [concurrency];
  const { done, stopped } = await stoppable(async (signal) => ({
    done: await selfTest({
      steps,
      stepMs: step ?? STEP_MS,
      seed,
      signal,
      onStep: (one) => out.progress(stepText(one)),
    }),
    stopped: signal.aborted,
  }));
  const verdict = selfVerdict(done, overload);
  out.result(selfTestReport(done, verdict, MOST_ERROR_MS), selfTestText(done, verdict));
  process.exitCode = stopped ? INTERRUPTED : verdict.kind === "pass" ? 0 : 1;
}
