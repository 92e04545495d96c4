import { InputError } from "../../lib/errors.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import { TimeError, type TokenCounter, type TraceRow } from "./row-reader.ts";
import type { NumberedText } from "./text-lines.ts";
import { TickSpread } from "./tick-spread.ts";
import { timeDoubt, type TimeUnit } from "./time-doubt.ts";
import type { TraceFormat } from "./trace-format.ts";
import { type OpenedTrace, TraceOpening } from "./trace-opening.ts";
import { TraceText } from "./trace-text.ts";
import { WORDS } from "./words.ts";

export interface TraceOptions {
  /** Told by content where it is missing. */
  readonly format?: TraceFormat | undefined;
  /** The first broken row ends it; else rows are left out as long as less than half of them are broken. */
  readonly strict?: boolean | undefined;
  /** Refuses a trace without times. */
  readonly needsTimes?: boolean | undefined;
  /** How text is counted; words where it is missing. */
  readonly counter?: TokenCounter | undefined;
}

/** What is known of a trace once it is read, or as far as it is. */
export interface TraceReading {
  /** Null as long as nothing was read. */
  readonly format: string | null;
  /** Whether it says when requests come. Where it does not, all come at 0. */
  readonly timed: boolean;
  readonly requests: number;
  readonly rows: number;
  /** Rows that were left out because they are broken, and what the first of them lack. */
  readonly broken: number;
  readonly firstBroken: readonly string[];
  /** Rows that were left out on purpose, by why. */
  readonly leftOut: ReadonlyMap<string, number>;
  /** What a number of time was taken for, in ms; null where times are dates, or say themselves what they are. */
  readonly timeUnit: TimeUnit | null;
  /** What may have been read otherwise than it was meant, a line each. */
  readonly doubts: readonly string[];
  /** Where the lengths of prompts are from: the trace, or how its text was counted. */
  readonly lengths: string;
}

const NAMED = 5;
/** A trace with more than this part of its rows broken is refused, as soon as so many rows were read. */
const MOST_BROKEN = 0.5;
const SEEN = 200;

/** Reads a trace that comes in parts, cut anywhere; holds no more of it than it must. */
export class TraceParser {
  readonly #source: string;
  readonly #options: TraceOptions;
  readonly #text: TraceText;
  readonly #counter: TokenCounter;
  readonly #opening: TraceOpening;
  #opened: OpenedTrace | null = null;
  #spread = new TickSpread(0);
  /** Of the first request, on the trace's own clock. */
  #startMs: number | null = null;
  #clockMs = 0;
  #timed: boolean | null = null;
  #counted = false;
  #requests = 0;
  #read = 0;
  #broken = 0;
  readonly #firstBroken: string[] = [];

  constructor(source: string, options: TraceOptions = {}) {
    const { name, count } = options.counter ?? WORDS;
    this.#source = source;
    this.#options = options;
    this.#text = new TraceText(source);
    this.#counter = {
      name,
      count: (text) => {
        this.#counted = true;
        return count(text);
      },
    };
    this.#opening = new TraceOpening(source, this.#counter, options.format);
  }

  /**
   * @returns requests in order of arrival, the first at 0
   * @throws InputError
   */
  push(bytes: Uint8Array): readonly TraceRequest[] {
    return this.#cut(this.#text.push(bytes));
  }

  /**
   * @returns the last ones
   * @throws InputError also where there was none at all
   */
  end(): readonly TraceRequest[] {
    const requests = [...this.#cut(this.#text.end())];
    if (this.#opened === null) requests.push(...this.#open(this.#opening.end()));
    for (const part of this.#opened?.cutter.end() ?? []) requests.push(...this.#row(part));
    for (const request of this.#spread.end()) requests.push(request);
    this.#checkBroken();
    if (this.#requests === 0) throw new InputError(this.#source, "", this.#noRequests());
    return requests;
  }

  get reading(): TraceReading {
    const rows = this.#opened?.rows;
    const timeUnit = rows?.timeUnit ?? null;
    const doubt = timeDoubt(timeUnit, this.#requests, this.#clockMs);
    return {
      format: this.#opened?.format ?? null,
      timed: this.#timed ?? true,
      requests: this.#requests,
      rows: this.#read,
      broken: this.#broken,
      firstBroken: this.#firstBroken,
      leftOut: rows?.leftOut ?? new Map(),
      timeUnit,
      doubts: [...(doubt === null ? [] : [doubt]), ...(rows?.doubts?.() ?? [])],
      lengths: this.#counted ? this.#counter.name : "trace",
    };
  }

  #cut(text: string): readonly TraceRequest[] {
    if (this.#opened !== null) return this.#rows(this.#opened.cutter.push(text));
    const opened = this.#opening.push(text);
    return opened === null ? [] : this.#open(opened);
  }

  #open(opened: OpenedTrace): readonly TraceRequest[] {
    this.#opened = opened;
    this.#spread = new TickSpread(opened.rows.widestTickMs);
    return this.#rows(opened.begun);
  }

  #rows(parts: readonly NumberedText[]): readonly TraceRequest[] {
    const requests: TraceRequest[] = [];
    for (const part of parts) for (const request of this.#row(part)) requests.push(request);
    return requests;
  }

  #row({ number, text }: NumberedText): readonly TraceRequest[] {
    const { rows, cutter } = this.#opened as OpenedTrace;
    if (this.#options.strict !== true && text.trim() === "") return [];
    const where = `${cutter.word} ${number}`;
    this.#read++;
    try {
      const read = rows.read(text, where);
      if (read.length === 1) return this.#spread.push(this.#placed(read[0], where));
      return read.flatMap((row) => this.#spread.push(this.#placed(row, where)));
    } catch (error) {
      if (!(error instanceof InputError) || error instanceof TimeError || this.#options.strict) throw error;
      this.#broken++;
      if (this.#firstBroken.length < NAMED) this.#firstBroken.push(error.message);
      if (this.#read >= SEEN) this.#checkBroken();
      return [];
    }
  }

  /** Puts a row on the replay's clock. */
  #placed(row: TraceRow, where: string): TraceRequest {
    const { arrivalMs } = row;
    this.#requests++;
    if (arrivalMs === null) {
      if (this.#options.needsTimes) {
        throw new TimeError(
          this.#source,
          `${where} timestamp`,
          "is missing; expected when the request comes",
        );
      }
      this.#timed ??= false;
      return { ...row, arrivalMs: this.#clockMs };
    }
    if (this.#timed === false) {
      throw new TimeError(
        this.#source,
        where,
        "says a time, as no row before does; expected it in all or none",
      );
    }
    this.#timed = true;
    this.#startMs ??= arrivalMs;
    this.#clockMs = arrivalMs - this.#startMs;
    return { ...row, arrivalMs: this.#clockMs };
  }

  #checkBroken(): void {
    if (this.#broken <= MOST_BROKEN * this.#read) return;
    const format = this.#opened?.format ?? "";
    const [first] = this.#firstBroken;
    const why = first.slice(first.indexOf(": ") + 2);
    const hint = `has ${this.#broken} broken rows among ${this.#read}, more than half (${why}); is it of the format '${format}'?`;
    throw new InputError(this.#source, "", hint);
  }

  #noRequests(): string {
    const reasons = [...this.reading.leftOut].map(([why, count]) => `; ${count} rows ${why}`);
    return `holds no requests${reasons.join("")}; expected at least one`;
  }
}
