import { setTimeout } from "node:timers/promises";
import { StoreUnreachable } from "../../control/store.ts";
import { type RedisAccess, RedisLink } from "./redis-link.ts";

/** How long a command waits for something to come. */
export const BLOCK_MS = 1000;
const RETRY_MS = 250;

/**
 * Does `work` over a connection of its own, on which it may block; from its beginning whenever it fails, until it is
 * stopped or done.
 * @returns the way to stop it, which also ends a command under way
 */
export function retrying(
  access: RedisAccess,
  work: (link: RedisLink, stopped: AbortSignal) => Promise<void>,
): () => void {
  const link = new RedisLink(access, BLOCK_MS, false);
  const ending = new AbortController();
  const stopped = ending.signal;
  let said = "";
  const say = (message: string) => {
    if (message !== said)
      access.onNotice(`what it sent could not be used, and is asked for again: ${message}`);
    said = message;
  };
  const run = async () => {
    await link.connect();
    while (!stopped.aborted) {
      try {
        await work(link, stopped);
        break;
      } catch (error) {
        if (!(error instanceof StoreUnreachable)) say((error as Error).message);
      }
      if (!stopped.aborted) await setTimeout(RETRY_MS, undefined, { ref: false });
    }
    link.close();
  };
  void run();
  return () => {
    ending.abort();
    link.close();
  };
}
