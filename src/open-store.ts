import type { Config } from "./config/config.ts";
import type { Store } from "./control/store.ts";
import { LocalStore } from "./store/local/local-store.ts";

/**
 * Opens what the configuration's `store` names. Redis may be out of reach then: it is asked again until it answers.
 * @throws InputError when a file is not what is expected there
 */
export async function openStore({ address, prefix }: Config["store"]): Promise<Store> {
  switch (address.kind) {
    case "memory":
      return new LocalStore();
    case "file":
      return await LocalStore.open(address.path);
    case "redis": {
      // Its client takes a while to load, which only those who use it need wait for.
      const { RedisStore } = await import("./store/redis/redis-store.ts");
      return await RedisStore.open(address, prefix);
    }
  }
}
