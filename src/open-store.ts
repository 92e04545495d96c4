import type { Config } from "./config/config.ts";
import type { Store } from "./control/store.ts";
import { InputError } from "./lib/errors.ts";
import { LocalStore } from "./store/local/local-store.ts";

/** Opens what the configuration's `store` names. @throws InputError */
export async function openStore({ url }: Config["store"]): Promise<Store> {
  if (url === "memory") return new LocalStore();
  throw new InputError("configuration", "store.url", `is ${JSON.stringify(url)}; expected memory`);
}
