import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../../lib/errors.ts";
import { type Measured, measuredBetween } from "../../../planner/right-sizing/measured.ts";
import { type FoundPool, poolIn, stateOf } from "../../../plans/running-pool/found-pool.ts";
import { publishedState } from "../../../plans/running-pool/published.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { countersOf } from "./scrape.ts";

const LOOK_EVERY_MS = 1000;

export interface Watched {
  readonly found: FoundPool;
  readonly measured: Measured;
}

/**
 * Reads a pool's counters twice, and its state every second in between.
 * @param say receives the part of the window that is over
 * @throws InputError where the gateway goes away, or nothing can be said
 */
export async function watchPool(
  client: GatewayClient,
  wanted: string | null,
  seconds: number,
  say: (part: number) => void,
  signal: AbortSignal,
): Promise<Watched> {
  const look = async () => poolIn(await client.json("/admin/state", publishedState, signal), wanted);
  const scrape = async (pool: string) =>
    countersOf(await client.text("/metrics", signal), pool, performance.now());
  let found = await look();
  const before = await scrape(found.front.pool);
  const states = [stateOf(found)];
  const endMs = before.atMs + 1000 * seconds;
  for (;;) {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) break;
    await sleep(Math.min(LOOK_EVERY_MS, leftMs), undefined, { signal });
    found = await look();
    states.push(stateOf(found));
    say(Math.min(1, 1 - (endMs - performance.now()) / (1000 * seconds)));
  }
  const measured = measuredBetween(before, await scrape(found.front.pool), states);
  if (typeof measured !== "string") return { found, measured };
  const hints = {
    restarted: "began to count anew while it was watched: it was restarted; ask again",
    idle: `answered no request in ${seconds} s; ask again under traffic, or for longer with --window`,
    "no lengths":
      "publishes no lengths of requests; expected plimsoll_prompt_tokens and plimsoll_answer_tokens in its metrics",
  };
  throw new InputError("--pool", found.name, hints[measured]);
}
