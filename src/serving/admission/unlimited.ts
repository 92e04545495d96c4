import type { AdmissionLimits, Limits } from "./limits.ts";

const NONE: Limits = {
  maxInFlight: 0,
  requestsPerSecond: 0,
  requestBurst: 0,
  tokensPerMinute: 0,
  tokenBurst: 0,
};

/** Everyone is let in at once. */
export const UNLIMITED: AdmissionLimits = {
  total: NONE,
  tenant: NONE,
  tenants: {},
  queue: { maxWaiting: 0, maxWaitMs: 0 },
  retryAfterSeconds: 1,
};
