import { expect, it } from "vitest";
import { resultHere } from "../run-here.ts";

interface Measured {
  readonly truth: { readonly count: number };
  readonly error: { readonly p99: number };
}

interface Report {
  readonly verdict: string;
  readonly steps: readonly {
    readonly streams: number;
    readonly mean_gap_ms: number;
    readonly frames_per_second: number;
    readonly right: boolean;
    readonly answers: number;
    readonly frames: number;
    readonly wrong_answers: number;
    readonly ttft_ms: Measured;
    readonly itl_ms: Measured;
  }[];
}

it("the self-test sees every frame that its mock wrote, and its verdict follows from the times", async () => {
  const { code, stdout } = await resultHere(
    "replay",
    "--self-test",
    "--concurrency",
    "3",
    "--step",
    "200ms",
    "--json",
  );
  const { verdict, steps }: Report = JSON.parse(stdout);
  expect(steps).toHaveLength(1);
  const [{ right, answers, frames, wrong_answers, ttft_ms, itl_ms, ...pace }] = steps;
  expect(pace).toMatchObject({ streams: 3, mean_gap_ms: 20, frames_per_second: frames / 0.2 });
  expect(wrong_answers).toBe(0);
  expect(answers).toBeGreaterThan(0);
  expect(ttft_ms.truth.count).toBe(answers);
  // Of a first frame in the time that counts there is no gap.
  expect(itl_ms.truth.count).toBeGreaterThanOrEqual(frames - answers - 3);
  expect(itl_ms.truth.count).toBeLessThanOrEqual(frames);
  expect(right).toBe(Math.max(ttft_ms.error.p99, itl_ms.error.p99) <= 2);
  expect(verdict === "pass").toBe(right);
  expect(code).toBe(right ? 0 : 1);
});
