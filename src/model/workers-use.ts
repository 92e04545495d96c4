/** What the processes use of the machine that serve for another. */
export interface WorkersUse {
  readonly count: number;
  /** User and system time, of those that are gone too. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}
