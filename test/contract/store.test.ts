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
  const store = await LocalStore.open(folder.path("store"));
  return {
    connect: async () => store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
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
