import type { Config, PoolConfig, ServersConfig } from "../config/config.ts";

/** The servers of a pool, by role. */
export function serversOf(pool: PoolConfig): readonly ServersConfig[] {
  if (pool.kind === "simulated") return [];
  return pool.kind === "disaggregated" ? [pool.prefill, pool.decode] : [pool.servers];
}

/** The configuration with other servers in its pools. */
export function mapServers(config: Config, change: (servers: ServersConfig) => ServersConfig): Config {
  const ofPool = (pool: PoolConfig): PoolConfig => {
    switch (pool.kind) {
      case "simulated":
        return pool;
      case "disaggregated":
        return { ...pool, prefill: change(pool.prefill), decode: change(pool.decode) };
      case "openai":
      case "sglang":
      case "trtllm":
      case "vllm":
        return { ...pool, servers: change(pool.servers) };
    }
  };
  return { ...config, pools: config.pools.map(ofPool) };
}
