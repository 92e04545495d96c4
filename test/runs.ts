const TIMES = Number(process.env["RUNS_TIMES"] ?? 1);

/** Whether this is a long run. */
export const LONG = TIMES > 1;

/** How many cases of what is made up are tried: `usual` in a usual run, `RUNS_TIMES` as many in a long one. */
export function runs(usual: number): number {
  return Math.ceil(usual * TIMES);
}

/** How long a test of them may take. */
export const RUNS_TIMEOUT_MS = 180_000 * Math.max(1, TIMES);

/** Says what was tried where a check of it fails: what a run is made of is too long to be shown as a whole. */
export function telling(what: unknown, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\nof ${JSON.stringify(what).slice(0, 2000)}`, { cause });
  }
}
