/** What may be in flight and begin; 0 means no limit, everywhere. */
export interface Limits {
  /** Requests in flight. */
  readonly maxInFlight: number;
  readonly requestsPerSecond: number;
  /** Requests that may begin at once after a pause; 0 for those of one second, at least one. */
  readonly requestBurst: number;
  /** Tokens in and out, as estimated when the request arrives. */
  readonly tokensPerMinute: number;
  /** Tokens that may begin at once after a pause; 0 for those of one minute. A larger request needs a full bucket. */
  readonly tokenBurst: number;
}

/**
 * What is short for everyone (`total`) makes a request wait. What is short for one tenant is refused at once: only the
 * tenant can correct it.
 */
export interface AdmissionLimits {
  /** Over all tenants. */
  readonly total: Limits;
  /** Of each tenant that `tenants` does not name; `maxInFlight` counts those that wait too. */
  readonly tenant: Limits;
  /** By the tenant's name. */
  readonly tenants: Readonly<Record<string, Limits>>;
  readonly queue: {
    /** Requests that may wait; 0 for no queue. */
    readonly maxWaiting: number;
    /** How long one may wait before it is refused. */
    readonly maxWaitMs: number;
  };
  /** The least that a refused client is asked to wait. */
  readonly retryAfterSeconds: number;
}
