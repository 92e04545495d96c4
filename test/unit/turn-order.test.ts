import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { ScheduledRequest, Sender } from "../../src/replay/load.ts";
import type { RequestRecord } from "../../src/replay/request-record.ts";
import { openLoop } from "../../src/replay/open-loop.ts";
import { schedule } from "../../src/replay/schedule.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";

/** A sender whose clock is turned by hand. */
class HandSender implements Sender {
  readonly signal = new AbortController().signal;
  readonly given: ScheduledRequest[] = [];
  readonly #ends = new Map<number, (record: RequestRecord | null) => void>();
  ms = 0;

  readonly now = (): number => this.ms;

  at(scheduled: ScheduledRequest) {
    this.given.push(scheduled);
    const ended = Promise.withResolvers<RequestRecord | null>();
    this.#ends.set(scheduled.index, ended.resolve);
    return { sent: Promise.resolve(true), ended: ended.promise };
  }

  /** Lets a request end, and what follows from it happen. */
  async end(index: number, atMs: number): Promise<void> {
    this.ms = atMs;
    this.#ends.get(index)?.({} as RequestRecord);
    await nextTurn();
  }

  starts(): readonly (readonly [index: number, startMs: number])[] {
    return this.given.map(({ index, startMs }) => [index, startMs]);
  }
}

function turn(session: string | undefined, number: number, more: Partial<TraceRequest> = {}): TraceRequest {
  const request = { arrivalMs: 0, inputTokens: 1, outputTokens: 1, ...more };
  return session === undefined ? request : { ...request, session, turn: number };
}

/** Plays a trace at double speed. */
async function play(trace: readonly TraceRequest[]) {
  const sender = new HandSender();
  const state = { over: false };
  const played = openLoop(schedule(trace, 2, Number.POSITIVE_INFINITY))
    .play(sender)
    .finally(() => {
      state.over = true;
    });
  await nextTurn();
  return { sender, state, played };
}

test("a turn waits for the answer before it, and thinks; others wait for nobody", async () => {
  const trace = [
    turn("a", 1),
    turn("b", 1),
    turn("a", 2, { thinkMs: 400 }),
    turn(undefined, 0),
    turn("a", 3, { arrivalMs: 0, thinkMs: 10 }),
  ];
  const { sender, state, played } = await play(trace);
  expect(sender.starts()).toEqual([
    [0, 0],
    [1, 0],
    [3, 0],
  ]);
  expect(state.over).toBe(false);
  await sender.end(0, 1000);
  expect(sender.starts().at(-1)).toEqual([2, 1200]);
  await sender.end(1, 1100);
  expect(state.over).toBe(false);
  await sender.end(2, 3000);
  expect(sender.starts().at(-1)).toEqual([4, 3005]);
  await played;
});

test("a turn that comes later than the answer starts at its own time", async () => {
  const { sender, played } = await play([turn("a", 1), turn("a", 2, { arrivalMs: 100 })]);
  await sender.end(0, 20);
  expect(sender.starts().at(-1)).toEqual([1, 50]);
  await played;
});

test("turns of equal number go side by side, and the next waits for all of them", async () => {
  const { sender, played } = await play([turn("a", 1), turn("a", 2), turn("a", 2), turn("a", 3)]);
  expect(sender.starts()).toEqual([[0, 0]]);
  await sender.end(0, 10);
  expect(sender.starts().slice(1)).toEqual([
    [1, 10],
    [2, 10],
  ]);
  await sender.end(2, 20);
  expect(sender.given).toHaveLength(3);
  await sender.end(1, 30);
  expect(sender.starts().at(-1)).toEqual([3, 30]);
  await played;
});

test("a conversation that begins in the middle waits for nothing", async () => {
  const { sender, played } = await play([turn("a", 5)]);
  expect(sender.starts()).toEqual([[0, 0]]);
  await played;
});
