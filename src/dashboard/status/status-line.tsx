import type { PoolState } from "../live/state.ts";
import type { GatewayCondition } from "../live/wire.ts";
import { useNow } from "../page/use-now.ts";
import { statusOf } from "./pool-status.ts";

const EVERY_MS = 1000;

interface Properties {
  readonly pool: PoolState;
  readonly gateway: GatewayCondition | null;
}

/** One quiet line while all is well; what is wrong stands above it. */
export function StatusLine({ pool, gateway }: Properties) {
  const { calm, alarms } = statusOf(pool, gateway, useNow(EVERY_MS));
  return (
    <section class="status" aria-label="Status">
      <div role="alert">
        {alarms.map((alarm) => (
          <p class="alarm" key={alarm}>
            {alarm}
          </p>
        ))}
      </div>
      <p class="calm">{calm.join(" · ")}</p>
    </section>
  );
}
