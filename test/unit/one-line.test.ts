import fc from "fast-check";
import { expect, test } from "vitest";
import { nearestWord, nearestWords } from "../../src/lib/edit-distance.ts";
import { oneLine } from "../../src/lib/printable.ts";

test("whatever is said comes out as one line of bounded length that prints", () => {
  const units = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\n", "\u001b[2J", "\u202e", "\ud800", "\u2028"),
  );
  fc.assert(
    fc.property(
      fc.array(units).map((parts) => parts.join("")),
      (text) => {
        const line = oneLine(text, 40);
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        expect(line.length).toBeLessThanOrEqual(6 * 41);
      },
    ),
    { seed: 1 },
  );
  expect(oneLine(" a\n\tb  c\u0007")).toBe("a b c\\u0007");
  expect(oneLine("x".repeat(9), 4)).toBe("xxxx…");
});

test("the nearest word is one of a few letters' difference, or none", () => {
  const known = ["urls", "models", "apiKeyEnv", "maxRequestsPerShard"];
  expect(
    ["url", "ulrs", "model", "apikeyenv", "apiKeyEnvs", "maxRequestPerShards"].map((word) =>
      nearestWord(word, known),
    ),
  ).toEqual(["urls", "urls", "models", "apiKeyEnv", "apiKeyEnv", "maxRequestsPerShard"]);
  expect(["", "u", "policy", "x".repeat(100_000)].map((word) => nearestWord(word, known))).toEqual([
    null,
    null,
    null,
    null,
  ]);
});

test("several near words come by their distance, and as many as are asked for", () => {
  const known = ["deepseek-v3.1", "deepseek-r1", "deepseek-v3", "qwen3", "deepseek-v4"];
  expect(nearestWords("deepseek-v3", known, 3)).toEqual(["deepseek-v3", "deepseek-v4", "deepseek-v3.1"]);
  expect(nearestWords("gpt-4o", known, 3)).toEqual([]);
});
