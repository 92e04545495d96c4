import { InputError } from "../../lib/errors.ts";
import { type Cutter, MOST_LETTERS, type NumberedText, tooLong } from "./text-lines.ts";

const SPACE = /^\s*$/;
const IN_STRUCTURE = /["[\]{},]/g;
const IN_TEXT = /["\\]/g;
const BEHIND = "goes on behind its list; expected nothing there";

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
      if (!SPACE.test(text)) throw this.#error(BEHIND);
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
    while (at < held.length && !this.#over) {
      const signs = this.#quoted ? IN_TEXT : IN_STRUCTURE;
      signs.lastIndex = at;
      const found = signs.exec(held);
      if (found === null) {
        at = held.length;
        break;
      }
      const [sign] = found;
      at = found.index + 1;
      // What follows a backslash is text, also where the next part begins with it.
      if (sign === "\\") at++;
      else if (sign === '"') this.#quoted = !this.#quoted;
      else if (sign === ",") {
        if (this.#depth !== 1) continue;
        elements.push(this.#element(held.slice(from, found.index)));
        from = at;
      } else if (sign === "[" || sign === "{") {
        this.#depth++;
        if (this.#depth === 1) from = at;
      } else {
        this.#depth--;
        if (this.#depth > 0) continue;
        const last = held.slice(from, found.index);
        if (this.#number > 0 || !SPACE.test(last)) elements.push(this.#element(last));
        this.#over = true;
        from = at;
      }
    }
    this.#held = held.slice(from);
    this.#at = at - from;
    if (this.#over && !SPACE.test(this.#held)) throw this.#error(BEHIND);
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
