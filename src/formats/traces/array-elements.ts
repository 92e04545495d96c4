import { InputError } from "../../lib/errors.ts";
import { type Cutter, MOST_LETTERS, type NumberedText, tooLong } from "./text-lines.ts";

const SPACE = /^\s*$/;

/** Cuts a text that is one JSON list into its elements, whatever the lines; they are not read yet. */
export class ArrayElements implements Cutter {
  readonly word = "entry";
  readonly #source: string;
  #held = "";
  /** Where in what is held to go on. */
  #at = 0;
  #number = 0;
  /** Brackets open around the place; 1 between elements. */
  #depth = 0;
  #quoted = false;
  #over = false;

  constructor(source: string) {
    this.#source = source;
  }

  /** @throws InputError */
  push(text: string): readonly NumberedText[] {
    if (this.#over) {
      if (!SPACE.test(text)) throw this.#error("goes on behind its list; expected nothing there");
      return [];
    }
    this.#held += text;
    const elements = this.#cut();
    if (this.#held.length > MOST_LETTERS) throw tooLong(this.#source, `entry ${this.#number + 1}`);
    return elements;
  }

  /** @throws InputError where the list does not end */
  end(): readonly NumberedText[] {
    if (!this.#over)
      throw this.#error(`ends inside entry ${this.#number + 1} of its list; is the file whole?`);
    return [];
  }

  #cut(): NumberedText[] {
    const elements: NumberedText[] = [];
    const held = this.#held;
    let from = 0;
    let at = this.#at;
    for (; at < held.length && !this.#over; at++) {
      const sign = held.charCodeAt(at);
      if (this.#quoted) {
        if (sign === BACKSLASH) at++;
        else if (sign === QUOTE) this.#quoted = false;
      } else if (sign === QUOTE) this.#quoted = true;
      else if (sign === OPEN_LIST || sign === OPEN_OBJECT) {
        this.#depth++;
        if (this.#depth === 1) from = at + 1;
      } else if (sign === CLOSE_LIST || sign === CLOSE_OBJECT) this.#depth--;
      else if (sign !== COMMA) continue;
      else if (this.#depth > 1) continue;
      else {
        elements.push(this.#element(held.slice(from, at)));
        from = at + 1;
        continue;
      }
      if (this.#depth === 0 && !this.#quoted) {
        const last = held.slice(from, at);
        if (this.#number + elements.length > 0 || !SPACE.test(last)) elements.push(this.#element(last));
        this.#over = true;
        from = at + 1;
      }
    }
    this.#held = held.slice(from);
    this.#at = at - from;
    if (this.#over && !SPACE.test(this.#held))
      throw this.#error("goes on behind its list; expected nothing there");
    return elements;
  }

  #element(text: string): NumberedText {
    this.#number++;
    return { number: this.#number, text };
  }

  #error(hint: string): InputError {
    return new InputError(this.#source, "", hint);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
