import { InvalidRequest } from "../refusals.ts";

/** Lines that begin like a boundary, at most; Starlette, under vLLM and SGLang, takes 1000 fields and 1000 files. */
const MOST_BOUNDARIES = 2000;
const MOST_HEADER_BYTES = 8192;
const MOST_VALUE_BYTES = 1024;
/** RFC 2046 §5.1.1 allows 70. */
const LONGEST_BOUNDARY = 256;

const LINE_END = "\r\n";
const HEADER_END = "\r\n\r\n";
const NO_BODY = Buffer.alloc(0);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a body of this content type is a form (RFC 7578). */
export function isForm(contentType: string | undefined): contentType is string {
  return contentType !== undefined && /^\s*multipart\/form-data\s*(?:;|$)/i.test(contentType);
}

/**
 * Looks for the text of one field of a form while the form arrives. Files are ignored. What is refused is what is no form,
 * or has the field twice: which of them counts, servers do not agree on.
 *
 * A boundary is a line of its own, without padding, as the engines' own readers have it; what only begins like one is
 * content.
 */
export class FormScan {
  readonly #name: string;
  readonly #boundary: string;
  /** A boundary with the line end before it. */
  readonly #line: Buffer;
  #body: Buffer = NO_BODY;
  #value: string | null = null;
  /** Where the part began that the next boundary ends; −1 before the first. */
  #start = -1;
  /** Searched so far; no boundary begins before it that is not known. */
  #searched = 0;
  /** The end of the boundary at hand; −1 while there is none, at the beginning until the first line is known. */
  #boundaryEnd = -1;
  #begun = false;
  #seen = 0;
  #over = false;

  constructor(contentType: string, name: string) {
    this.#name = name;
    this.#boundary = parameters(contentType).get("boundary") ?? "";
    this.#line = Buffer.from(`${LINE_END}--${this.#boundary}`, "latin1");
  }

  /** @param body all that has come: what was there before, and more. @throws InvalidRequest */
  read(body: Buffer): void {
    this.#body = body;
    const { length } = this.#boundary;
    if (length === 0 || length > LONGEST_BOUNDARY)
      throw new InvalidRequest("The content type has no boundary of 1 to 256 characters.", null);
    if (!this.#begun && !this.#begin(body)) return;
    while (!this.#over && this.#nextBoundary(body)) this.#boundaryAt(body, this.#boundaryEnd);
  }

  /** The form is all there. @returns null when it has no such field. @throws InvalidRequest */
  end(): string | null {
    this.read(this.#body);
    if (!this.#over) throw new InvalidRequest("The form does not end with its boundary.", null);
    return this.#value;
  }

  /** The first line has no line end before it. @returns whether it is there */
  #begin(body: Buffer): boolean {
    const first = this.#line.length - LINE_END.length;
    if (body.length < first) return false;
    this.#begun = true;
    if (body.subarray(0, first).equals(this.#line.subarray(LINE_END.length))) this.#boundaryEnd = first;
    return true;
  }

  /** @returns whether there is one, with the two bytes after it */
  #nextBoundary(body: Buffer): boolean {
    if (this.#boundaryEnd < 0) {
      const at = body.indexOf(this.#line, this.#searched);
      if (at < 0) {
        this.#searched = Math.max(this.#searched, body.length - this.#line.length + 1);
        return false;
      }
      this.#boundaryEnd = at + this.#line.length;
    }
    return this.#boundaryEnd + 2 <= body.length;
  }

  #boundaryAt(body: Buffer, after: number): void {
    if (this.#seen++ > MOST_BOUNDARIES)
      throw new InvalidRequest(`The form has more than ${MOST_BOUNDARIES} boundaries.`, null);
    const next = body.toString("latin1", after, after + 2);
    const isBoundary = next === LINE_END || next === "--";
    if (isBoundary && this.#start >= 0)
      this.#take(readPart(body, this.#start, Math.max(this.#start, after - this.#line.length)));
    this.#over = next === "--";
    if (isBoundary) this.#start = after + LINE_END.length;
    // The line end after a boundary may be the one before the next.
    this.#searched = after;
    this.#boundaryEnd = -1;
  }

  #take({ disposition, content }: Part): void {
    const name = this.#name;
    if (disposition.get("name") !== name || disposition.has("filename")) return;
    if (this.#value !== null) throw new InvalidRequest(`The form has \`${name}\` twice.`, name);
    this.#value = valueOf(content, name);
  }
}

interface Part {
  /** The parameters of its Content-Disposition. */
  readonly disposition: ReadonlyMap<string, string>;
  readonly content: Buffer;
}

function readPart(body: Buffer, start: number, end: number): Part {
  const beginning = body.subarray(start, Math.max(start, Math.min(end, start + MOST_HEADER_BYTES)));
  // No header at all: the empty line is the first.
  const bare = beginning.indexOf(LINE_END) === 0;
  const headerEnd = bare ? 0 : beginning.indexOf(HEADER_END);
  if (headerEnd < 0) throw new InvalidRequest("A part of the form has no end of its headers.", null);
  const content = body.subarray(start + headerEnd + (bare ? LINE_END : HEADER_END).length, end);
  for (const line of beginning.toString("utf8", 0, headerEnd).split(LINE_END)) {
    const colon = line.indexOf(":");
    if (line.slice(0, colon).trim().toLowerCase() === "content-disposition")
      return { disposition: parameters(line.slice(colon + 1)), content };
  }
  return { disposition: new Map(), content };
}

/** The parameters of a header: `form-data; name="model"`. The first of a name counts. */
function parameters(value: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = value.indexOf(";"); at >= 0; ) {
    let end = at + 1;
    while (end < value.length && value[end] !== "=" && value[end] !== ";") end++;
    const name = value
      .slice(at + 1, end)
      .trim()
      .toLowerCase();
    if (value[end] === "=") {
      const read = value[end + 1] === '"' ? quoted(value, end + 2) : token(value, end + 1);
      if (!found.has(name)) found.set(name, read.text);
      end = read.end;
    }
    at = value.indexOf(";", end);
  }
  return found;
}

interface Reading {
  readonly text: string;
  readonly end: number;
}

function token(value: string, from: number): Reading {
  const semicolon = value.indexOf(";", from);
  const end = semicolon < 0 ? value.length : semicolon;
  return { text: value.slice(from, end).trim(), end };
}

function quoted(value: string, from: number): Reading {
  let text = "";
  for (let at = from; at < value.length; at++) {
    if (value[at] === '"') return { text, end: at + 1 };
    // Browsers leave other backslashes as they are.
    if (value[at] === "\\" && (value[at + 1] === '"' || value[at + 1] === "\\")) at++;
    text += value[at];
  }
  return { text, end: value.length };
}

function valueOf(content: Buffer, name: string): string {
  if (content.length > MOST_VALUE_BYTES)
    throw new InvalidRequest(`\`${name}\` is longer than ${MOST_VALUE_BYTES} bytes.`, name);
  try {
    return utf8.decode(content);
  } catch {
    throw new InvalidRequest(`\`${name}\` is not valid UTF-8.`, name);
  }
}
