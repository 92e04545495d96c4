import Table from "cli-table3";
import { decimals } from "../../../lib/number-text.ts";
import type { MeasureError } from "../../../replay/self-test/compare.ts";
import type { CoreUse } from "../../../replay/self-test/core-use.ts";
import {
  isRight,
  MOST_ERROR_MS,
  type SelfTestStep,
  type SelfVerdict,
  waitingPart,
} from "../../../replay/self-test/self-verdict.ts";

const HEAD = ["truth p50", "measured", "truth p99", "measured", "error p50", "error p99"];

/** What the self-test found, for a person to read. */
export function selfTestText(steps: readonly SelfTestStep[], verdict: SelfVerdict): string {
  const table = new Table({
    head: ["Streams", "frames/s", "ms", ...HEAD],
    colAligns: ["right", "right", "left", ...HEAD.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { streams, framesPerSecond, ttft, itl, sending, reading } of steps) {
    table.push(
      [`${streams}`, decimals(framesPerSecond, 0), "TTFT", ...cells(ttft)],
      ["", "", "ITL", ...cells(itl)],
      ["", "", "added: sending", "", "", "", "", two(sending?.p50), two(sending?.p99)],
      ["", "", "added: reading", "", "", "", "", two(reading?.p50), two(reading?.p99)],
    );
  }
  return [table.toString(), ...steps.map(useText), verdictText(steps, verdict)].join("\n");
}

/** One step, in a line. */
export function stepText(step: SelfTestStep): string {
  return `${step.streams} streams, ${decimals(step.framesPerSecond, 0)} frames/s: error p99 ${two(step.ttft.error?.p99)} ms of TTFT, ${two(step.itl.error?.p99)} ms of ITL${isRight(step) ? "" : " (too much)"}`;
}

/** The same as one JSON object. @param mostErrorMs at the 99th percentile */
export function selfTestReport(
  steps: readonly SelfTestStep[],
  verdict: SelfVerdict,
  mostErrorMs: number,
): object {
  return {
    format: "plimsoll.replay-self-test/1",
    verdict: verdict.kind,
    right_up_to_streams: verdict.kind === "pass" ? verdict.streams : null,
    most_error_ms: mostErrorMs,
    steps: steps.map((step) => ({
      streams: step.streams,
      mean_gap_ms: step.gapMs,
      frames_per_second: step.framesPerSecond,
      right: isRight(step),
      answers: step.answers,
      frames: step.frames,
      wrong_answers: step.wrong,
      ttft_ms: step.ttft,
      itl_ms: step.itl,
      added_sending_ms: step.sending,
      added_reading_ms: step.reading,
      ...perCpuSecond(step),
      client_cores: cores(step.client),
      mock_cores: cores(step.mock),
      waited_for_core: waitingPart(step),
    })),
  };
}

function perCpuSecond({ read, client }: SelfTestStep) {
  const seconds = client.cpuMs / 1000;
  return { frames_per_cpu_second: read.frames / seconds, streams_per_cpu_second: read.answers / seconds };
}

function cores({ cpuMs, elapsedMs }: CoreUse): number {
  return cpuMs / elapsedMs;
}

function useText(step: SelfTestStep): string {
  const { frames_per_cpu_second: frames, streams_per_cpu_second: streams } = perCpuSecond(step);
  const waiting = waitingPart(step);
  const waited = waiting === null ? "" : `, without a core ${decimals(100 * waiting, 1)} % of the time`;
  return `${step.streams} streams: ${decimals(frames, 0)} frames and ${decimals(streams, 0)} streams per CPU second; ${decimals(cores(step.client), 2)} cores${waited}`;
}

function verdictText(steps: readonly SelfTestStep[], verdict: SelfVerdict): string {
  const bound = `within ${MOST_ERROR_MS} ms of the truth at the 99th percentile`;
  const [first] = steps;
  if (verdict.kind === "pass")
    return `Passed: with up to ${verdict.streams} streams on this machine TTFT and ITL are ${bound}.${aboveText(steps, verdict.streams)}`;
  if (first === undefined) return "Not passed: nothing was measured.";
  if (verdict.kind === "busy")
    return `Not passed, and nothing follows from it: this machine is too busy. With ${first.streams} streams already the processes were ready and had no core for ${decimals(100 * (waitingPart(first) ?? 0), 1)} % of the time. Use idler cores; a load test here would not be right either.`;
  if (first.wrong > 0) return `FAILED: ${first.wrong} answers were not seen as they were written.`;
  return `FAILED: with ${first.streams} streams, TTFT and ITL are not ${bound}, though the machine had cores.`;
}

/** What of the loads that were measured and not right. */
function aboveText(steps: readonly SelfTestStep[], right: number): string {
  const above = steps.find(({ streams }) => streams > right);
  const waiting = above === undefined ? null : waitingPart(above);
  if (above === undefined || waiting === null) return "";
  return ` With ${above.streams} they are not; the processes were ready and had no core for ${decimals(100 * waiting, 1)} % of that time.`;
}

function cells({ truth, measured, error }: MeasureError): string[] {
  return [truth?.p50, measured?.p50, truth?.p99, measured?.p99, error?.p50, error?.p99].map(two);
}

function two(ms: number | undefined): string {
  return decimals(ms, 2);
}
