import { describe, expect, it } from "vitest";
import { ProgressBar } from "../../src/cli/progress-bar.ts";

function bar(stream: { isTTY?: boolean; columns?: number }, total = 2) {
  const clock = { ms: 1000 };
  const said: string[] = [];
  const progress = new ProgressBar({ ...stream, write: (text) => said.push(text) }, total, () => clock.ms);
  return {
    said,
    begin: (label: string, weight = 1) => progress.begin(label, weight),
    at: (ms: number, part: number) => {
      clock.ms = 1000 + ms;
      progress.update(part);
    },
    clear: () => progress.clear(),
  };
}

describe("progress", () => {
  it("is a line now and then where there is no terminal, with the time that is left", () => {
    const { said, begin, at, clear } = bar({});
    begin("one");
    at(1000, 0.1);
    at(10_000, 0.5);
    at(12_000, 0.6);
    at(20_000, 1);
    begin("two");
    at(30_000, 0.25);
    clear();
    expect(said).toEqual([
      // Half of one is behind: as much again, and then two.
      " 25 %  30 s left  one\n",
      " 50 %  20 s left  one\n",
      // Two goes on as it began.
      " 50 %  30 s left  two\n",
    ]);
  });

  it("does not go backwards when a phase takes longer than was thought", () => {
    const { said, begin, at } = bar({});
    begin("one");
    at(10_000, 1);
    begin("two");
    at(100_000, 0.1);
    expect(said.map((line) => line.slice(0, 5))).toEqual([" 50 %", " 50 %"]);
    expect(said[1]).toContain("14 min left");
  });

  it.each([
    [0, `${"█".repeat(10)}${"░".repeat(10)}  50 %  1 s left  simulating`],
    [70, `${"█".repeat(10)}${"░".repeat(10)}  50 %  1 s left  simulating`],
    [30, "50 %  1 s left  simulating"],
  ])(
    "is one line redrawn on a terminal of %i columns, no longer than that is wide, and leaves it clear",
    (columns, begins) => {
      const { said, begin, at, clear } = bar({ isTTY: true, columns }, 1);
      begin("simulating something with a long name, which goes on and on\n");
      at(50, 0.1);
      at(500, 0.5);
      at(1000, 1);
      clear();
      expect(said).toHaveLength(3);
      expect(said[0].replace("\r\u{1b}[K", "").startsWith(begins)).toBe(true);
      for (const line of said) {
        expect(line.startsWith("\r\u{1b}[K")).toBe(true);
        expect(line.replace("\r\u{1b}[K", "").length).toBeLessThan(columns || 80);
        expect(line).not.toContain("\n");
      }
      expect(said.at(-1)).toBe("\r\u{1b}[K");
    },
  );

  it("says nothing before anything is done", () => {
    const { said, begin, at } = bar({});
    begin("one");
    at(60_000, 0);
    expect(said).toEqual([]);
  });
});
