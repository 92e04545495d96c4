import { errorText } from "./error-text.ts";
import { parseObject } from "./json-object.ts";

/** Letters of lines that are kept. */
const MOST_LETTERS = 1 << 20;
/** As llama.cpp has written them. */
const ERROR_FIELD = /^error:\s*/;

/** Lines of a response that are of no event stream: a page, a JSON body, a server's last words. */
export class OtherLines {
  readonly #lines: string[] = [];
  #letters = 0;

  /** @returns the error that the line tells of by itself, or null */
  add(line: string): string | null {
    if (this.#letters < MOST_LETTERS) this.#lines.push(line);
    this.#letters += line.length;
    const said = line.replace(ERROR_FIELD, "");
    if (said !== line) return errorOf(said, "error") ?? said;
    return line.startsWith("{") ? errorOf(line, "") : null;
  }

  /** All of them; null where there was none. */
  get text(): string | null {
    return this.#lines.length === 0 ? null : this.#lines.join("\n");
  }
}

function errorOf(text: string, type: string): string | null {
  const body = parseObject(text);
  return body === null ? null : errorText(body, type);
}
