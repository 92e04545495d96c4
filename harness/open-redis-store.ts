import { readStoreUrl } from "../src/config/store-url.ts";
import { RedisStore } from "../src/store/redis/redis-store.ts";

/** A gateway's way to a server of the test's own. */
export function openRedisStore(
  url: string,
  prefix = "test",
  onNotice: (line: string) => void = () => {},
): Promise<RedisStore> {
  const address = readStoreUrl(url, "test");
  if (address.kind !== "redis") throw new Error(`${url} is no Redis`);
  return RedisStore.open(address, prefix, onNotice);
}
