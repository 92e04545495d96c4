import { LocalStore } from "../../src/store/local/local-store.ts";
import { startRedis, startRedisCluster } from "../../harness/fakes/redis-server.ts";
import { openRedisStore } from "../../harness/open-redis-store.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { storeContract } from "./store-contract.ts";

storeContract("a store in memory", async () => {
  const store = new LocalStore();
  return { connect: async () => store, [Symbol.asyncDispose]: () => store.close() };
});

storeContract("a store in a file", async () => {
  const folder = await scratchFolder();
  let opened: Promise<LocalStore> | null = null;
  // All gateways of a test have one store; the next test's goes on from the file.
  const open = async () => {
    const store = await LocalStore.open(folder.path("store"));
    const close = store.close.bind(store);
    store.close = () => {
      opened = null;
      return close();
    };
    return store;
  };
  return { connect: () => (opened ??= open()), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
});

storeContract("a store on Redis", async () => {
  const server = await startRedis();
  return {
    connect: () => openRedisStore(server.url),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

storeContract("a store in a Redis Cluster", async () => {
  const cluster = await startRedisCluster();
  return {
    connect: () => openRedisStore(cluster.url),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
});
