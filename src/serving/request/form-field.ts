import { InvalidRequest } from "../refusals.ts";

/** Lines that look like a boundary, at most; Starlette, under vLLM and SGLang, takes 1000 fields and 1000 files. */
const MOST_BOUNDARIES = 2000;
const MOST_HEADER_BYTES = 8192;
const MOST_VALUE_BYTES = 1024;
/** RFC 2046 §5.1.1 allows 70. */
const LONGEST_BOUNDARY = 256;

const LINE_END = "\r\n";
const HEADER_END = "\r\n\r\n";
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Whether a body of this content type is a form (RFC 7578). */
export function isForm(contentType: string | undefined): contentType is string {
  return contentType !== undefined && /^\s*multipart\/form-data\s*(?:;|$)/i.test(contentType);
}

/**
 * The text of one field of a form; null when it has none. Files are passed over.
 * @throws InvalidRequest for what is no form, or has the field twice: which of them counts, servers do not agree on
 */
export function formField(body: Buffer, contentType: string, name: string): string | null {
  const boundary = parameters(contentType).get("boundary") ?? "";
  if (boundary === "" || boundary.length > LONGEST_BOUNDARY)
    throw new InvalidRequest("The content type has no boundary of 1 to 256 characters.", null);
  let value: string | null = null;
  for (const part of parts(body, boundary)) {
    if (part.disposition.get("name") !== name || part.disposition.has("filename")) continue;
    if (value !== null) throw new InvalidRequest(`The form has \`${name}\` twice.`, name);
    value = valueOf(part.content, name);
  }
  return value;
}

interface Part {
  /** The parameters of its Content-Disposition. */
  readonly disposition: ReadonlyMap<string, string>;
  readonly content: Buffer;
}

/** In one pass: every byte is looked at a fixed number of times. */
function* parts(body: Buffer, boundary: string): Generator<Part> {
  const delimiter = Buffer.from(`--${boundary}`, "latin1");
  const lineDelimiter = Buffer.from(`${LINE_END}--${boundary}`, "latin1");
  /** Where the part began that the next boundary ends; −1 in the preamble. */
  let start = -1;
  let at = body.subarray(0, delimiter.length).equals(delimiter) ? 0 : body.indexOf(lineDelimiter);
  let after = at === 0 ? delimiter.length : at + lineDelimiter.length;
  for (let seen = 0; at >= 0; seen++) {
    if (seen > MOST_BOUNDARIES)
      throw new InvalidRequest(`The form has more than ${MOST_BOUNDARIES} parts.`, null);
    const last = body[after] === 0x2d && body[after + 1] === 0x2d;
    const lineEnd = last ? after + 2 : boundaryLineEnd(body, after);
    // A boundary is a line of its own; what only begins like one is content.
    if (lineEnd >= 0) {
      if (start >= 0) yield readPart(body, start, at);
      if (last) return;
      // The line end may be the beginning of the next boundary, when the part is empty.
      start = lineEnd;
    }
    at = body.indexOf(lineDelimiter, lineEnd >= 0 ? lineEnd - LINE_END.length : after);
    after = at + lineDelimiter.length;
  }
  throw new InvalidRequest("The form does not end with its boundary.", null);
}

/** Where the line after a boundary begins; −1 where the boundary is longer than ours. */
function boundaryLineEnd(body: Buffer, from: number): number {
  let at = from;
  while (body[at] === 0x20 || body[at] === 0x09) at++;
  return body[at] === 0x0d && body[at + 1] === 0x0a ? at + 2 : -1;
}

function readPart(body: Buffer, start: number, end: number): Part {
  const head = body.subarray(start, Math.min(end, start + MOST_HEADER_BYTES));
  // No header at all: the empty line is the first.
  const bare = head.indexOf(LINE_END) === 0;
  const headerEnd = bare ? 0 : head.indexOf(HEADER_END);
  if (headerEnd < 0) throw new InvalidRequest("A part of the form has no end of its headers.", null);
  const content = body.subarray(start + headerEnd + (bare ? LINE_END : HEADER_END).length, end);
  for (const line of head.toString("utf8", 0, headerEnd).split(LINE_END)) {
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
