const NANOSECONDS = 1e6;

/** The machine's monotonic clock, milliseconds: the same in every process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / NANOSECONDS;
}
