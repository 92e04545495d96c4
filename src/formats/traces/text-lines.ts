import { InputError } from "../../lib/errors.ts";

/** A line, or an element of a list, and its number from 1. */
export interface NumberedText {
  readonly number: number;
  readonly text: string;
}

/** What cuts a text that comes in parts. */
export interface Cutter {
  push(text: string): readonly NumberedText[];
  end(): readonly NumberedText[];
  /** What messages call a part. */
  readonly word: "line" | "entry";
}

/** Letters of a line, or an element, at most: a prompt of millions of tokens fits in. */
export const MOST_LETTERS = 32 << 20;

/** Cuts a text into lines that end in LF or CRLF; the last need not. */
export class TextLines implements Cutter {
  readonly word = "line";
  readonly #source: string;
  #held: string[] = [];
  #letters = 0;
  #number = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** @throws InputError where a line does not end */
  push(text: string): readonly NumberedText[] {
    const lines: NumberedText[] = [];
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      lines.push(this.#line(text.slice(start, end)));
      start = end + 1;
    }
    if (start < text.length) this.#hold(start === 0 ? text : text.slice(start));
    return lines;
  }

  end(): readonly NumberedText[] {
    return this.#letters === 0 ? [] : [this.#line("")];
  }

  #line(rest: string): NumberedText {
    const whole = this.#letters === 0 ? rest : this.#held.join("") + rest;
    this.#held = [];
    this.#letters = 0;
    this.#number++;
    return { number: this.#number, text: whole.endsWith("\r") ? whole.slice(0, -1) : whole };
  }

  #hold(text: string): void {
    this.#held.push(text);
    this.#letters += text.length;
    if (this.#letters > MOST_LETTERS) throw tooLong(this.#source, `line ${this.#number + 1}`);
  }
}

export function tooLong(source: string, where: string): InputError {
  return new InputError(source, where, `has more than ${MOST_LETTERS} letters; expected a request`);
}
