/** How much is made up and tried: `usual`, or as many as `FUZZ_RUNS` says. */
export function fuzzRuns(usual: number): number {
  return Number(process.env["FUZZ_RUNS"] ?? usual);
}

/** How long a test of them may take. */
export const FUZZ_TIMEOUT_MS = process.env["FUZZ_RUNS"] === undefined ? 30_000 : 3_600_000;
