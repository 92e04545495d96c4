import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import type { RedisAddress } from "../../model/store-address.ts";
import { SCRIPTS } from "./scripts.ts";

export type RedisClient = Redis | Cluster;

/** How long an answer may take; then the connection is given up as well, and another made. */
export const ANSWER_WITHIN_MS = 1000;
/** Between two tries to connect. */
const RETRY_MS = 250;

/**
 * A client that is not connected yet. It queues nothing: while there is no connection every command fails at once, and
 * none is sent twice.
 * @param blockMs how long the commands it is for may block
 */
export function redisClient(address: RedisAddress, blockMs: number): RedisClient {
  const { layout, hosts, master, database, tls, username, password } = address;
  const answerWithinMs = blockMs + ANSWER_WITHIN_MS;
  const common = {
    // What all versions of all servers speak.
    protocol: 2,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: ANSWER_WITHIN_MS,
    disconnectTimeout: ANSWER_WITHIN_MS,
    commandTimeout: answerWithinMs,
    socketTimeout: answerWithinMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A master that has become a replica: the next connection finds the new one.
    reconnectOnError: (error: Error) => error.message.includes("READONLY"),
  } satisfies ClusterOptions["redisOptions"];
  const always = { lazyConnect: true, enableOfflineQueue: false, scripts: SCRIPTS };
  const retryStrategy = () => RETRY_MS;
  if (layout === "cluster") {
    return new Cluster([...hosts], {
      ...always,
      redisOptions: common,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: ANSWER_WITHIN_MS,
      // Certificates name hosts, not the addresses behind them.
      ...(tls ? { dnsLookup: (name, found) => found(null, name) } : {}),
    });
  }
  const alone = { ...common, ...always, db: database, retryStrategy } satisfies RedisOptions;
  if (master === null) return new Redis(hosts[0].port, hosts[0].host, alone);
  return new Redis({
    ...alone,
    sentinels: [...hosts],
    name: master,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: ANSWER_WITHIN_MS,
    enableTLSForSentinelMode: tls,
    ...(tls ? { sentinelTLS: {} } : {}),
  });
}
