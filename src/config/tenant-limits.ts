import { z } from "zod";

/** 0 for no limit. */
const limit = z.int().nonnegative();
const rate = z.number().nonnegative();

/** Priorities go from its negative to it. */
export const MOST_PRIORITY = 100;

/** What may be in flight and begin. */
export const tenantLimits = z.strictObject({
  maxInFlight: limit,
  requestsPerSecond: rate,
  requestBurst: limit,
  tokensPerMinute: rate,
  tokenBurst: limit,
});
