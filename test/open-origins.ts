import { Access } from "../src/access/access.ts";
import type { Config } from "../src/config/config.ts";
import { OriginReader } from "../src/http/request-origin.ts";

const LIMITS = {
  maxInFlight: 0,
  requestsPerSecond: 0,
  requestBurst: 0,
  tokensPerMinute: 0,
  tokenBurst: 0,
  priority: 0,
};

/** Of a gateway that asks nobody for a key. */
export function openOrigins(
  tenancy: Config["tenancy"] = { header: null, sessionHeader: null, priorityHeader: null },
  priorities: Pick<Config["admission"], "tenant" | "tenants"> = { tenant: LIMITS, tenants: {} },
): OriginReader {
  const access = new Access(
    { access: { keys: [], jwt: null, anonymous: false }, operatorKeyHash: null },
    { now: () => 0 },
  );
  return new OriginReader(tenancy, access, priorities);
}
