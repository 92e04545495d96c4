import type { TraceRequest } from "../../model/traffic.ts";
import { InputError } from "../../lib/errors.ts";
import type { TimeUnit } from "./time-doubt.ts";

/** A request as a row has it: its time on the trace's own clock, in ms; null where the row says none. */
export interface TraceRow extends Omit<TraceRequest, "arrivalMs"> {
  readonly arrivalMs: number | null;
}

/** Reads the rows of one trace, in their order. */
export interface RowReader {
  /**
   * @param where what messages call the row, e.g. `line 3`
   * @returns one request a row in most formats, one a turn in others; none where the row is left out on purpose
   * @throws InputError where the row is broken
   */
  read(text: string, where: string): readonly TraceRow[];
  /** Times are rounded to ticks of so many ms at most; 0 where they are exact. */
  readonly widestTickMs: number;
  /** What a number of time is, where times are numbers and nothing in the file says of what. */
  readonly timeUnit: TimeUnit | null;
  /** Why rows were left out on purpose, and how many. */
  readonly leftOut: ReadonlyMap<string, number>;
  /** What may have been read otherwise than it was meant, by now, a line each. */
  doubts?(): readonly string[];
}

/** How prompts that are there as text are counted. */
export interface TokenCounter {
  /** As reports put it. */
  readonly name: string;
  count(text: string): number;
}

/** A request's time cannot be: with it the whole trace cannot be replayed, however few rows are broken. */
export class TimeError extends InputError {}

/** The times of rows, which never go back. */
export class TimeOrder {
  readonly #source: string;
  #last = Number.NEGATIVE_INFINITY;

  constructor(source: string) {
    this.#source = source;
  }

  /**
   * @param hint what is wrong where the time is earlier than `last`
   * @throws TimeError then
   */
  take(ms: number, field: string, hint: (last: number) => string): void {
    if (ms < this.#last) throw new TimeError(this.#source, field, hint(this.#last));
    this.#last = ms;
  }
}
