import type { Config, DisaggregatedPoolConfig } from "../config/config.ts";
import { openPair } from "../open-engine.ts";
import { ServingPool } from "../serving/serving-pool.ts";
import { OpenPool } from "./open-pool.ts";
import { orClosed } from "./or-closed.ts";
import { ServingHalf, servingSettings } from "./serving-half.ts";
import { servingParts } from "./serving-parts.ts";
import type { PoolMakings } from "./surroundings.ts";

/** Servers that prefill, and servers that decode what those have prefilled. As `openServers`. */
export function openDisaggregated(
  pool: DisaggregatedPoolConfig,
  config: Config,
  makings: PoolMakings,
  before: OpenPool | null,
): OpenPool {
  const settings = servingSettings(pool, config);
  if (before?.servingHalf.settings === settings) return before;
  const engines = openPair(
    pool,
    config.upstream,
    before?.serving.map(({ engine }) => engine),
  );
  const serving = orClosed([engines.prefill, engines.decode], () => {
    const { prefillPolicy, decodePolicy } = pool;
    const prefill = new ServingPool(
      servingParts(engines.prefill, pool, prefillPolicy, config, makings, "prefill"),
    );
    const parts = servingParts(engines.decode, pool, decodePolicy, config, makings, "decode");
    return [new ServingPool({ ...parts, prefill }), prefill];
  });
  return new OpenPool(
    pool.name,
    new ServingHalf(settings, { serving, simulated: null }),
    null,
    null,
    makings,
  );
}
