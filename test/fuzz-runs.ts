/** How much is made up and tried: `usual`, or as many as `FUZZ_RUNS` says. */
export function fuzzRuns(usual: number): number {
  return Number(process.env["FUZZ_RUNS"] ?? usual);
}

/** How long a test of them may take. */
export const FUZZ_TIMEOUT_MS = process.env["FUZZ_RUNS"] === undefined ? 30_000 : 3_600_000;

/** Says what was tried where a check of it fails: what a run is made of is too long to be shown as a whole. */
export function telling(what: unknown, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\nof ${JSON.stringify(what).slice(0, 2000)}`, { cause });
  }
}
