import { InvalidRequest } from "../refusals.ts";

/** Lines that begin like a boundary, at most; Starlette, under vLLM and SGLang, takes 1000 fields and 1000 files. */
const MOST_BOUNDARIES = 2000;
const MOST_HEADER_BYTES = 8192;
const MOST_VALUE_BYTES = 1024;
/** RFC 2046 §5.1.1 allows 70. */
const LONGEST_BOUNDARY = 256;
/** Node looks for eight bytes and more by skipping (Boyer-Moore), for fewer byte by byte: those only in short bodies. */
const SKIPPED_FROM = 8;
const MOST_UNSKIPPED_BYTES = 1024 * 1024;

const LINE_END = "\r\n";
const HEADER_END = "\r\n\r\n";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether a body of this content type is a form (RFC 7578). */
export function isForm(contentType: string | undefined): contentType is string {
  return contentType !== undefined && /^\s*multipart\/form-data\s*(?:;|$)/i.test(contentType);
}

/**
 * The text of one field of a form; null when it has none. Files are ignored.
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

/**
 * In one pass. A boundary is a line of its own, without padding, as the engines' own readers have it; what only begins
 * like one is content.
 */
function* parts(body: Buffer, boundary: string): Generator<Part> {
  const line = Buffer.from(`${LINE_END}--${boundary}`, "latin1");
  if (line.length < SKIPPED_FROM && body.length > MOST_UNSKIPPED_BYTES)
    throw new InvalidRequest(
      "The boundary is too short for so long a form; use one of 4 characters or more.",
      null,
    );
  /** Where the part began that the next boundary ends; −1 before the first. */
  let start = -1;
  // The first line has no line end before it.
  const first = line.length - LINE_END.length;
  const leads = body.subarray(0, first).equals(line.subarray(LINE_END.length));
  let at = leads ? 0 : body.indexOf(line);
  let after = leads ? first : at + line.length;
  for (let seen = 0; at >= 0; seen++) {
    if (seen > MOST_BOUNDARIES)
      throw new InvalidRequest(`The form has more than ${MOST_BOUNDARIES} boundaries.`, null);
    const next = body.toString("latin1", after, after + 2);
    const isBoundary = next === LINE_END || next === "--";
    if (isBoundary && start >= 0) yield readPart(body, start, at);
    if (next === "--") return;
    if (isBoundary) start = after + LINE_END.length;
    // The line end after a boundary may be the one before the next.
    at = body.indexOf(line, after);
    after = at + line.length;
  }
  throw new InvalidRequest("The form does not end with its boundary.", null);
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
