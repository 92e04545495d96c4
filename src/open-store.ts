import type { Config } from "./config/config.ts";
import type { Store } from "./control/store.ts";
import { LocalStore } from "./store/local/local-store.ts";
import { RedisStore } from "./store/redis/redis-store.ts";

/**
 * Opens what the configuration's `store` names. Redis may be out of reach then: it is asked again until it answers.
 * @throws InputError when a file is not what is expected there
 */
export function openStore({ address, prefix }: Config["store"]): Promise<Store> {
  switch (address.kind) {
    case "memory":
      return Promise.resolve(new LocalStore());
    case "file":
      return LocalStore.open(address.path);
    case "redis":
      return RedisStore.open(address, prefix);
  }
}
