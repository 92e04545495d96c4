import { expect, it } from "vitest";
import { MockServer } from "../../src/replay/self-test/mock-server.ts";
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

it("its mock knows a request by the number that its prompt begins with, whoever asks, and by its id otherwise", async () => {
  await using mock = new MockServer();
  const { port } = await mock.listen(1, { firstMs: { least: 0, most: 1 }, gapMs: { least: 0, most: 1 } });
  const ask = async (id: string, content: string, limit: object): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { "x-request-id": id },
      body: JSON.stringify({ messages: [{ role: "user", content }], ...limit }),
    });
    return response.text();
  };
  expect(await mock.count()).toMatchObject({ asked: 0, answered: 0, frames: 0, firstAskedAgoMs: null });
  const said = await ask("others-a", "7 words", { max_completion_tokens: 3 });
  expect(said.match(/"content":"word "/g)).toHaveLength(3);
  expect(said.endsWith("data: [DONE]\n\n")).toBe(true);
  await ask("ours-12", "words", { max_tokens: 2 });
  const { firstAskedAgoMs, ...counts } = await mock.count();
  expect(counts).toMatchObject({ asked: 2, answered: 2, frames: 5 });
  expect(firstAskedAgoMs).toBeGreaterThan(0);
  const { truths } = await mock.take();
  expect(truths.map(({ requestId, row, writtenMs }) => [requestId, row, writtenMs.length])).toEqual([
    ["others-a", 7, 3],
    ["ours-12", 12, 2],
  ]);
  expect(await mock.count()).toMatchObject({ asked: 0, answered: 0, frames: 0, firstAskedAgoMs: null });
});
