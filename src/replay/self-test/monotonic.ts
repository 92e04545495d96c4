const NANOSECONDS = 1e6;
const TRIES = 100;

/** What `performance.now()` of this process lacks to be the machine's clock. */
const OFFSET_MS = offsetMs();

/** The machine's monotonic clock, milliseconds: the same in every process. Makes no garbage, as BigInts would. */
export function monotonicMs(): number {
  return OFFSET_MS + performance.now();
}

/** Both are one clock. Between two looks at it time goes by, least where nothing came between: the largest is right. */
function offsetMs(): number {
  const tries = Array.from({ length: TRIES }, () => {
    const atMs = Number(process.hrtime.bigint()) / NANOSECONDS;
    return atMs - performance.now();
  });
  return Math.max(...tries);
}
