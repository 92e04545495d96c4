import type { Incarnation } from "../messages/pool-message.ts";

/** A report that is so many windows behind those that came is of no use any more. */
const LATE_WINDOWS = 64;

/** Windows that follow each other closely. */
interface Sequence {
  readonly incarnation: Incarnation;
  newest: number;
  /** Of the last LATE_WINDOWS, by remainder: the window that came last, or −1. */
  readonly seen: Float64Array;
}

/**
 * What one rank's reports have been, by which repeats and late ones are known. Windows follow each other; one that is
 * far from the others, ahead or behind, moves nothing until a second follows it closely: then the rank counts from there
 * on (its clock was set, or it has started again). So a window far ahead makes none late that comes after it.
 */
export class RankWindows {
  #current: Sequence | null = null;
  /** What came last beside it. */
  #other: Sequence | null = null;

  /** A window that comes for the first time is remembered. */
  take(incarnation: Incarnation, window: number): "new" | "duplicate" | "late" {
    const current = this.#current;
    if (current === null) {
      this.#current = begun(incarnation, window);
      return "new";
    }
    if (isNear(current, incarnation, window)) return taken(current, window);
    const other = this.#other;
    if (other !== null && isNear(other, incarnation, window)) {
      if (window > other.newest) {
        this.#current = other;
        this.#other = current;
      }
      return taken(other, window);
    }
    this.#other = begun(incarnation, window);
    return incarnation === current.incarnation && window < current.newest ? "late" : "new";
  }
}

function begun(incarnation: Incarnation, window: number): Sequence {
  const sequence = { incarnation, newest: window, seen: new Float64Array(LATE_WINDOWS).fill(-1) };
  sequence.seen[window % LATE_WINDOWS] = window;
  return sequence;
}

function isNear(sequence: Sequence, incarnation: Incarnation, window: number): boolean {
  return sequence.incarnation === incarnation && Math.abs(window - sequence.newest) < LATE_WINDOWS;
}

function taken(sequence: Sequence, window: number): "new" | "duplicate" {
  const place = window % LATE_WINDOWS;
  if (sequence.seen[place] === window) return "duplicate";
  sequence.seen[place] = window;
  sequence.newest = Math.max(sequence.newest, window);
  return "new";
}
