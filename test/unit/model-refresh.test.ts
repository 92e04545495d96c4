import { expect, it } from "vitest";
import { ModelRefresh } from "../../src/serving/models/model-refresh.ts";
import { HandClock } from "../hand-clock.ts";

function refreshing() {
  const clock = new HandClock();
  let asked = 0;
  let answer = Promise.withResolvers<void>();
  const refresh = new ModelRefresh(() => {
    asked++;
    return answer.promise;
  }, clock);
  return {
    clock,
    refresh,
    asked: () => asked,
    answer: () => {
      answer.resolve();
      answer = Promise.withResolvers();
    },
  };
}

it("asks once for all who want to know, and once a second", async () => {
  const { clock, refresh, asked, answer } = refreshing();
  const waiting = [refresh.join(), refresh.join(), refresh.join()];
  answer();
  await Promise.all(waiting.filter((one) => one !== null));
  expect(asked()).toBe(1);
  clock.ms = 999;
  expect(refresh.join()).toBe(null);
  clock.ms = 1000;
  expect(refresh.join()).not.toBe(null);
  expect(asked()).toBe(2);
});

it("lets only so many wait, and lets new ones wait when those are gone", async () => {
  const { clock, refresh, asked, answer } = refreshing();
  const waiting = Array.from({ length: 1000 }, () => refresh.join());
  expect(waiting.filter((one) => one !== null)).toHaveLength(64);
  answer();
  await Promise.all(waiting.filter((one) => one !== null));
  clock.ms = 5000;
  expect(refresh.join()).not.toBe(null);
  expect(asked()).toBe(2);
});

it("is over when the servers cannot be asked, or do not answer", async () => {
  const clock = new HandClock();
  for (const ask of [() => Promise.reject(new Error("no")), () => new Promise<void>(() => {})]) {
    const refresh = new ModelRefresh(ask, clock);
    await refresh.join();
    expect(refresh.join()).toBe(null);
  }
});
