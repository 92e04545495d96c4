import { setImmediate as rest, setTimeout as sleep } from "node:timers/promises";
import type { Load, ScheduledRequest, Sender } from "./load.ts";
import { TurnOrder } from "./turn-order.ts";

/** Requests are read, and made ready, so long before their time and so many at most. */
const AHEAD_MS = 100;
const MOST_AHEAD = 64;
/** Making long prompts ready would hold up the streams that are read: after so long it is their turn. */
const REST_EVERY_MS = 3;

/**
 * Sends requests at their times, whatever became of those before; only turns of a conversation wait for its answers.
 * Reads of the schedule what comes next, and no more.
 * @param endsAtMs when the last of them starts, as far as that is known
 */
export function openLoop(scheduled: AsyncIterable<ScheduledRequest>, endsAtMs: number | null = null): Load {
  return { endsAtMs, play: (sender) => play(scheduled, sender) };
}

async function play(scheduled: AsyncIterable<ScheduledRequest>, sender: Sender): Promise<void> {
  const waiting: Promise<boolean>[] = [];
  const turns = new TurnOrder(sender);
  let restedAt = sender.now();
  for await (const request of scheduled) {
    await until(request.startMs - AHEAD_MS, sender);
    if (sender.signal.aborted) return;
    if (sender.now() - restedAt > REST_EVERY_MS) {
      await rest();
      restedAt = sender.now();
    }
    const sending = turns.at(request);
    if (sending !== null) waiting.push(sending.sent);
    if (waiting.length >= MOST_AHEAD) await waiting.shift();
  }
  await turns.allGiven();
}

/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;

/** Waits until that time of the replay, or until it is stopped. */
async function until(atMs: number, { now, signal }: Sender): Promise<void> {
  for (let left = atMs - now(); left > 0 && !signal.aborted; left = atMs - now()) {
    await sleep(Math.min(Math.ceil(left), LONGEST_SLEEP_MS), undefined, { signal }).catch(() => {});
  }
}
