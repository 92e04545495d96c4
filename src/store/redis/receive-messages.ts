import { setTimeout } from "node:timers/promises";
import { LeaseLost, type MessageListener, redeliveryPauseMs } from "../../control/store.ts";
import type { PoolKeys } from "./pool-keys.ts";
import type { RedisAccess, RedisLink } from "./redis-link.ts";
import { BLOCK_MS, retrying } from "./retrying.ts";
import type { StreamEntry } from "./stream-entry.ts";

/** Messages delivered at once. */
const AT_ONCE = 64;

/** As PoolStore's `receive`. */
export function receiveMessages(
  access: RedisAccess,
  { lease, messages }: PoolKeys,
  token: number,
  listener: MessageListener,
): () => void {
  let finished: Buffer[] = [];
  let failures = 0;
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
      const done = await listener(entries.map(([, [, message]]) => message)).catch(() => 0);
      finished = entries.slice(0, done).map(([id]) => id);
      failures = done < entries.length ? failures + 1 : 0;
      if (failures > 0) await setTimeout(redeliveryPauseMs(failures), undefined, { ref: false });
      if (stopped.aborted) return;
    }
  });
}
