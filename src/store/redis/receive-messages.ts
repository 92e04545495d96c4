import { LeaseLost } from "../../control/store.ts";
import type { PoolKeys } from "./pool-keys.ts";
import type { RedisAccess, RedisLink } from "./redis-link.ts";
import { BLOCK_MS, retrying } from "./retrying.ts";
import type { StreamEntry } from "./stream-entry.ts";

/** Messages received at once. */
const AT_ONCE = 64;

/** As PoolStore's `receive`. */
export function receiveMessages(
  access: RedisAccess,
  { lease, messages }: PoolKeys,
  token: number,
  listener: (messages: readonly Uint8Array[]) => Promise<void>,
): () => void {
  let finished: Buffer[] = [];
  const take = async (link: RedisLink) => {
    const entries = (await link.run(
      "receive",
      [lease, messages],
      [token, AT_ONCE, ...finished],
    )) as StreamEntry[];
    finished = [];
    return entries;
  };
  return retrying(access, async (link, stopped) => {
    for (;;) {
      let entries: StreamEntry[];
      try {
        entries = await take(link);
      } catch (error) {
        if (error instanceof LeaseLost) return;
        throw error;
      }
      if (stopped.aborted) return;
      if (entries.length === 0) {
        await link.call("XREAD", [messages], ["COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", messages, "0-0"]);
        continue;
      }
      try {
        await listener(entries.map(([, [, message]]) => message));
      } catch {
        // What it could not take waits for the next leader.
        return;
      }
      finished = entries.map(([id]) => id);
    }
  });
}
