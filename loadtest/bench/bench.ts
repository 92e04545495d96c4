import type { BenchInput } from "./bench-input.ts";

/** What every table is given. */
export interface Bench {
  readonly input: BenchInput;
  readonly seed: number;
  /** One line of progress. */
  readonly progress: (line: string) => void;
}
