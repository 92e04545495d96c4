import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { drain } from "../../src/cli/drain.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => vi.useRealTimers());

/** Ten parts, each of so long. */
function* parts(ms: number): Generator<number, string> {
  for (let part = 1; part <= 10; part++) {
    vi.advanceTimersByTime(ms);
    yield part / 10;
  }
  return "done";
}

it("says the part done every two seconds, and returns what comes out", () => {
  const said: string[] = [];
  expect(drain(parts(700), (percent) => said.push(percent))).toBe("done");
  expect(said).toEqual(["30 %", "60 %", "90 %"]);
});

it("says nothing of what is soon done", () => {
  const said: string[] = [];
  drain(parts(100), (percent) => said.push(percent));
  expect(said).toEqual([]);
});
