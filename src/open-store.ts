import type { Config } from "./config/config.ts";
import type { Store } from "./control/store.ts";
import { LocalStore } from "./store/local/local-store.ts";

/**
 * Opens what the configuration's `store` names. Redis may be out of reach then: it is asked again until it answers.
 * @param onNotice receives one line for a person where something in it was mended
 * @throws InputError when a file is not what is expected there, or another process has it
 */
export async function openStore(
  { address, prefix }: Config["store"],
  onNotice: (line: string) => void,
): Promise<Store> {
  switch (address.kind) {
    case "memory":
      return new LocalStore();
    case "file":
      return await LocalStore.open(address.path);
    case "redis": {
      // Its client takes a while to load, which only those who use it need wait for.
      const { RedisStore } = await import("./store/redis/redis-store.ts");
      return await RedisStore.open(address, prefix, onNotice);
    }
  }
}

/** The same, to see what is there beside the gateways that use it. */
export function lookIntoStore(settings: Config["store"]): Promise<Store> {
  const { address } = settings;
  return address.kind === "file" ? LocalStore.look(address.path) : openStore(settings, () => {});
}
