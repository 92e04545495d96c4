import { ArrayElements } from "./array-elements.ts";
import type { RowReader, TokenCounter } from "./row-reader.ts";
import { type Cutter, MOST_LETTERS, type NumberedText, TextLines, tooLong } from "./text-lines.ts";
import {
  formatOfHeader,
  formatOfLines,
  hasHeader,
  rowsOf,
  type TraceFormat,
  unknownFormat,
} from "./trace-format.ts";

/** A trace whose format is known. */
export interface OpenedTrace {
  readonly format: TraceFormat;
  readonly rows: RowReader;
  /** Has cut what was read by now. */
  readonly cutter: Cutter;
  /** The rows that were read by now. */
  readonly begun: readonly NumberedText[];
}

/** Lines of JSON by which the format is told, and letters of them at most. */
const AHEAD_LINES = 64;
const AHEAD_LETTERS = 1 << 20;
/** What a part costs beside its letters. */
const PART_LETTERS = 64;

/** Tells what a trace is by how it begins. */
export class TraceOpening {
  readonly #source: string;
  readonly #counter: TokenCounter;
  readonly #named: TraceFormat | undefined;
  #begun = "";
  #cutter: Cutter | null = null;
  /** From the first that is not blank. */
  readonly #parts: NumberedText[] = [];
  /** Of those that are not empty. */
  #lines = 0;
  #letters = 0;

  /** @param named the format, where a person says it */
  constructor(source: string, counter: TokenCounter, named: TraceFormat | undefined) {
    this.#source = source;
    this.#counter = counter;
    this.#named = named;
  }

  /** @returns null until it is told @throws InputError */
  push(text: string): OpenedTrace | null {
    const cutter = this.#cutter ?? this.#begin(text);
    if (cutter === null) return null;
    this.#hold(cutter.push(this.#begun === "" ? text : this.#begun));
    this.#begun = "";
    return this.#isTold() ? this.#open(cutter) : null;
  }

  /** @throws InputError where it is of no format */
  end(): OpenedTrace {
    const cutter = this.#cutter;
    if (cutter === null) throw unknownFormat(null, this.#source);
    this.#hold(cutter.end());
    return this.#open(cutter);
  }

  /** Blanks tell nothing. */
  #begin(text: string): Cutter | null {
    this.#begun += text;
    const first = /\S/.exec(this.#begun)?.[0];
    if (this.#begun.length > MOST_LETTERS && first === undefined)
      throw tooLong(this.#source, "the blank begin");
    if (first !== undefined) {
      this.#cutter = first === "[" ? new ArrayElements(this.#source) : new TextLines(this.#source);
    }
    return this.#cutter;
  }

  /** Blanks at the begin are of no format's rows. */
  #hold(parts: readonly NumberedText[]): void {
    for (const part of parts) {
      const blank = part.text.trim() === "";
      if (blank && this.#parts.length === 0) continue;
      this.#parts.push(part);
      this.#letters += part.text.length + PART_LETTERS;
      if (!blank) this.#lines++;
    }
  }

  #isTold(): boolean {
    const [first] = this.#parts;
    if (first === undefined) return false;
    if (!first.text.trimStart().startsWith("{")) return true;
    return this.#lines >= AHEAD_LINES || this.#letters >= AHEAD_LETTERS;
  }

  #open(cutter: Cutter): OpenedTrace {
    const [first] = this.#parts;
    if (first === undefined) throw unknownFormat(null, this.#source);
    const lines = this.#parts.map(({ text }) => text);
    const format = this.#named ?? told(lines);
    if (format === null)
      throw unknownFormat(cutter.word === "entry" ? `[${first.text}` : first.text, this.#source);
    const rows = rowsOf(format, lines, this.#source, this.#counter);
    const begun = hasHeader(format) ? this.#parts.slice(1) : this.#parts;
    return { format, rows, cutter, begun };
  }
}

function told(lines: readonly string[]): TraceFormat | null {
  return lines[0].trimStart().startsWith("{") ? formatOfLines(lines) : formatOfHeader(lines[0]);
}
