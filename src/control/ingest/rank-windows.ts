/** A report that is so many windows behind its rank's newest is of no use any more. */
const LATE_WINDOWS = 64;

/** What one rank's reports have been, to tell repeats and late ones. */
export class RankWindows {
  #run = -1;
  #newest = -1;
  /** Of the last LATE_WINDOWS, by remainder: the window that came last, or −1. */
  readonly #seen = new Float64Array(LATE_WINDOWS).fill(-1);

  /** A window that comes for the first time is remembered. Another run begins anew. */
  take(run: number, window: number): "new" | "duplicate" | "late" {
    if (run !== this.#run) {
      this.#run = run;
      this.#newest = -1;
      this.#seen.fill(-1);
    }
    if (window <= this.#newest - LATE_WINDOWS) return "late";
    const place = window % LATE_WINDOWS;
    if (this.#seen[place] === window) return "duplicate";
    this.#seen[place] = window;
    this.#newest = Math.max(this.#newest, window);
    return "new";
  }
}
