import { setTimeout as sleep } from "node:timers/promises";
import type { Load, ScheduledRequest, Sender } from "./load.ts";

/** Requests are read, and made ready, so long before their time and so many at most. */
const AHEAD_MS = 100;
const MOST_AHEAD = 64;

/** Sends requests at their times, whatever became of those before. Reads of the schedule what comes next, and no more. */
export function openLoop(scheduled: AsyncIterable<ScheduledRequest>): Load {
  return { play: (sender) => play(scheduled, sender) };
}

async function play(scheduled: AsyncIterable<ScheduledRequest>, sender: Sender): Promise<void> {
  const waiting: Promise<boolean>[] = [];
  for await (const request of scheduled) {
    await until(request.startMs - AHEAD_MS, sender);
    if (sender.signal.aborted) return;
    waiting.push(sender.at(request).sent);
    if (waiting.length >= MOST_AHEAD) await waiting.shift();
  }
}

/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;

/** Waits until that time of the replay, or until it is stopped. */
async function until(atMs: number, { now, signal }: Sender): Promise<void> {
  for (let left = atMs - now(); left > 0 && !signal.aborted; left = atMs - now()) {
    await sleep(Math.min(Math.ceil(left), LONGEST_SLEEP_MS), undefined, { signal }).catch(() => {});
  }
}
