import { expect, it } from "vitest";
import { resultHere } from "../run-here.ts";

interface Measured {
  readonly truth: { readonly count: number };
  readonly error: { readonly p99: number };
}

interface Report {
  readonly verdict: string;
  readonly steps: readonly {
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
  const [{ right, answers, frames, wrong_answers, ttft_ms, itl_ms }] = steps;
  expect(wrong_answers).toBe(0);
  expect(answers).toBeGreaterThan(0);
  expect(itl_ms.truth.count).toBe(frames - answers);
  expect(ttft_ms.truth.count).toBe(answers);
  expect(right).toBe(Math.max(ttft_ms.error.p99, itl_ms.error.p99) <= 2);
  expect(verdict === "pass").toBe(right);
  expect(code).toBe(right ? 0 : 1);
});
