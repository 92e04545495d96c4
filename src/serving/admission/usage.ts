/** What the processes of a gateway, and gateways, report to each other to keep their limits together. Plain data. */
export interface AdmissionUsage {
  /** Requests in flight now. */
  readonly inFlight: number;
  /** Begun since the last report: requests, and the tokens they were estimated at. */
  readonly requests: number;
  readonly tokens: number;
  /** Those who have requests inside, or had some admitted since the last report. */
  readonly tenants: readonly TenantUsage[];
}

export interface TenantUsage {
  readonly tenant: string;
  /** Requests in flight or waiting now. */
  readonly inside: number;
  /** Admitted since the last report, to wait or at once: requests, and the tokens they were estimated at. */
  readonly requests: number;
  readonly tokens: number;
}
