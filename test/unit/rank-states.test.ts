import { describe, expect, test } from "vitest";
import { RankStates } from "../../src/control/lead/rank-states.ts";
import type { Incarnation } from "../../src/control/messages/pool-message.ts";

type Word = readonly ["load" | "ack" | "ready" | "lost", Incarnation] | "silent" | "taken back";

/** What is known of rank 3 after these words of it, and whether each counted. */
function after(...words: readonly Word[]) {
  const states = new RankStates({ lost: [], incarnations: [] });
  const counted = words.map((word) => {
    if (word === "silent") return states.silent(3);
    if (word === "taken back") return states.takeBack(3);
    const [kind, incarnation] = word;
    const message = { rank: 3, incarnation, windowMs: 100, counted: "source" } as const;
    if (kind === "load") return states.load(message);
    if (kind === "ack") return states.acknowledgement(message);
    return states.report({ ...message, state: kind });
  });
  const { lost, incarnations } = states.known;
  return { how: lost[0]?.how ?? "live", incarnation: incarnations[0]?.incarnation ?? null, counted, states };
}

describe("a rank that nobody missed", () => {
  test.each([
    [
      ["load", 7],
      ["load", 8],
    ],
    [
      ["load", 7],
      ["ack", 8],
    ],
    [
      ["load", 7],
      ["ready", 8],
    ],
    [
      ["load", null],
      ["ready", null],
    ],
    [
      ["load", 8],
      ["ready", 8],
    ],
  ] as const)("has restarted: %j, %j", (...words) => {
    expect(after(...words).how).toBe("restarted");
  });

  test.each([
    [
      ["load", 7],
      ["load", 7],
    ],
    [
      ["load", 7],
      ["load", null],
    ],
    [
      ["load", null],
      ["load", 7],
    ],
    [
      ["ack", 7],
      ["load", 7],
    ],
  ] as const)("has not restarted: %j, %j", (...words) => {
    expect(after(...words).how).toBe("live");
  });

  test("restarts once, however often and in which order it is said", () => {
    const { how, incarnation } = after(
      ["load", 7],
      ["load", 8],
      "taken back",
      ["ready", 8],
      ["ack", 8],
      ["ready", 8],
      ["load", 7],
      ["lost", 7],
      ["ready", 7],
    );
    expect([how, incarnation]).toEqual(["live", 8]);
  });

  test("what an earlier start has left behind counts nothing", () => {
    const { counted } = after(["load", 7], ["load", 8], "taken back", ["load", 7], ["ack", 7], ["ack", 8]);
    expect(counted.slice(3)).toEqual([false, false, true]);
  });

  test("what it had acknowledged before it is taken back does not count", () => {
    expect(after(["load", 7], ["ready", 8], ["ack", 8]).counted.at(-1)).toBe(false);
  });
});

describe("messages apply in their order", () => {
  test.each([
    [
      [
        ["lost", 7],
        ["ready", 8],
      ],
      "restarted",
    ],
    [
      [
        ["ready", 8],
        ["lost", 8],
      ],
      "reported",
    ],
    [
      [
        ["lost", 7],
        ["ready", 8],
        ["lost", 8],
        ["ready", 9],
      ],
      "restarted",
    ],
    [
      [
        ["lost", null],
        ["ready", null],
        ["lost", null],
      ],
      "reported",
    ],
  ] as const)("%j: %s", (words, how) => {
    expect(after(["load", 7], ...words).how).toBe(how);
  });
});

test("a rank that was reported lost stays so, until it is said to be back or another start of it speaks", () => {
  const lost = [
    ["load", 7],
    ["lost", null],
  ] as const;
  expect(after(...lost, ["load", 7], ["ack", 7], ["load", null]).how).toBe("reported");
  expect(after(...lost, ["ready", null]).how).toBe("restarted");
  expect(after(...lost, ["load", 8]).how).toBe("restarted");
});

test("a silent rank is back when any start of it speaks", () => {
  for (const word of [
    ["load", 7],
    ["load", 8],
    ["load", null],
    ["ack", 7],
    ["ready", 7],
  ] as const)
    expect(after(["load", 7], "silent", word).how).toBe("restarted");
  expect(after(["load", 7], ["load", 8], "taken back", "silent", ["load", 7])).toMatchObject({
    how: "restarted",
    incarnation: 7,
  });
});

test.each([
  [
    "a loss of an earlier start, which nobody had heard of",
    [
      ["load", 8],
      ["lost", 7],
      ["load", 8],
    ],
  ],
  [
    "a load of an earlier start, which nobody had heard of",
    [
      ["load", 8],
      ["load", 7],
      ["load", 8],
    ],
  ],
  [
    "readiness of an earlier start",
    [
      ["load", 8],
      ["ready", 7],
      ["load", 8],
    ],
  ],
] as const)("%s does no lasting harm", (_, words) => {
  expect(after(...words)).toMatchObject({ how: "restarted", incarnation: 8 });
  expect(after(...words, "taken back", ["load", 8]).how).toBe("live");
});

test("starts are remembered, so far as they may be late; unchanged is what says nothing new", () => {
  const { states } = after(...[1, 2, 3, 4, 5, 6, 7].map((incarnation) => ["load", incarnation] as const));
  const { lost, incarnations } = states.known;
  expect(incarnations).toEqual([
    { rank: 3, incarnation: 7, begun: true, before: [6, 5, 4, 3], windowMs: 128 },
  ]);
  expect(states.changed).toBe(true);
  const same = new RankStates({ lost, incarnations });
  same.load({ rank: 3, incarnation: 7, windowMs: 100, counted: "source" });
  same.report({ rank: 3, incarnation: 5, state: "lost" });
  expect(same.changed).toBe(false);
  expect(same.known).toEqual({ lost, incarnations });
});
