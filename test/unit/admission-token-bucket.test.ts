import { expect, it } from "vitest";
import { TokenBucket } from "../../src/serving/admission/token-bucket.ts";

it("fills at its rate, up to its burst", () => {
  const bucket = new TokenBucket(10, 5, 0);
  bucket.take(5, 0);
  expect(bucket.waitMs(1, 0)).toBe(100);
  expect(bucket.waitMs(1, 100)).toBe(0);
  expect(bucket.level(10_000)).toBe(5);
});

it("lets an amount beyond the burst through when full, and goes no further into debt than its burst", () => {
  const bucket = new TokenBucket(10, 5, 0);
  expect(bucket.waitMs(25, 0)).toBe(0);
  bucket.take(25, 0);
  expect(bucket.level(0)).toBe(-5);
  bucket.take(1e308, 0);
  expect(bucket.waitMs(1e308, 0)).toBe(1000);
});

it("takes back what was not used, up to its burst", () => {
  const bucket = new TokenBucket(10, 5, 0);
  bucket.take(4, 0);
  bucket.giveBack(3, 0);
  expect(bucket.level(0)).toBe(4);
  bucket.giveBack(3, 0);
  expect(bucket.level(0)).toBe(5);
});

it("limits nothing at a rate of 0", () => {
  const bucket = new TokenBucket(0, 0, 0);
  for (let ms = 0; ms < 3; ms++) bucket.take(1e12, ms);
  expect(bucket.waitMs(1e12, 3)).toBe(0);
});

it("keeps what was taken when the limit changes", () => {
  const bucket = new TokenBucket(10, 5, 0);
  bucket.take(3, 0);
  bucket.update(1, 10, 0);
  expect(bucket.level(0)).toBe(7);
  bucket.update(0, 0, 0);
  expect(bucket.waitMs(100, 0)).toBe(0);
  bucket.update(1, 2, 0);
  expect(bucket.level(0)).toBe(2);
});

it("never takes a clock that stands for time gone by", () => {
  const bucket = new TokenBucket(1000, 1, 50);
  bucket.take(1, 50);
  expect(bucket.level(50)).toBe(0);
  expect(bucket.level(40)).toBe(0);
});
