import type { MockTimes } from "../../../src/replay/self-test/timed-mock.ts";

/** One load: so many streams at one time, as the mock's times have it. */
export interface Cell {
  readonly name: string;
  readonly streams: number;
  readonly times: MockTimes;
}

/** Answers' lengths, drawn evenly. */
export const ANSWER_TOKENS = { least: 32, most: 96 };

export const CELLS: readonly Cell[] = [
  {
    name: "low",
    streams: 20,
    times: { firstMs: { least: 50, most: 250 }, gapMs: { least: 10, most: 30 } },
  },
  {
    name: "high",
    streams: 300,
    times: { firstMs: { least: 50, most: 250 }, gapMs: { least: 20, most: 40 } },
  },
  {
    name: "peak",
    streams: 2000,
    times: { firstMs: { least: 100, most: 500 }, gapMs: { least: 50, most: 150 } },
  },
];

/** Requests a second that keep as many streams open, in the mean (Little's law). */
export function rateOf({ streams, times: { firstMs, gapMs } }: Cell): number {
  const streamMs = mean(firstMs) + (mean(ANSWER_TOKENS) - 1) * mean(gapMs);
  return (1000 * streams) / streamMs;
}

/** For people. */
export function cellText(cell: Cell): string {
  const { streams, times } = cell;
  const framesPerSecond = rateOf(cell) * mean(ANSWER_TOKENS);
  return `${cell.name}: ${streams} streams, ${framesPerSecond.toFixed(0)} frames/s; first tokens after ${range(times.firstMs)} ms, the others ${range(times.gapMs)} ms apart`;
}

interface Drawn {
  readonly least: number;
  readonly most: number;
}

function mean({ least, most }: Drawn): number {
  return (least + most) / 2;
}

function range({ least, most }: Drawn): string {
  return `${least} to ${most}`;
}
