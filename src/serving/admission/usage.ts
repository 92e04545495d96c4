/** What several gateway processes tell each other, so that they keep their limits together. Plain data: it travels. */
export interface AdmissionUsage {
  /** Requests in flight now. */
  readonly inFlight: number;
  /** Begun since the last telling: requests, and the tokens they were estimated at. */
  readonly requests: number;
  readonly tokens: number;
  /** Those who have requests inside, or had some let in since the last telling. */
  readonly tenants: readonly TenantUsage[];
}

export interface TenantUsage {
  readonly tenant: string;
  /** Requests in flight or waiting now. */
  readonly inside: number;
  /** Let in since the last telling, to wait or at once: requests, and the tokens they were estimated at. */
  readonly requests: number;
  readonly tokens: number;
}
