/** HTTP/1.1 as a strict reader takes it: what it does not take, somebody else could read in another way. */

/** Names and values in turn, the names in lower case. */
type Headers = ReadonlyMap<string, readonly string[]>;

/** Bytes as characters. */
export interface WireRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** False where the connection was closed before the end. */
  readonly whole: boolean;
}

/** A message, and where the next one begins. */
export interface Read<T> {
  readonly message: T;
  readonly end: number;
}

const HEADER = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;
const NO_BODY = new Set([204, 304]);

/** @param text bytes as characters. @returns null where more is to come. @throws for what is no such request */
export function readRequest(text: string, at: number): Read<WireRequest> | null {
  const head = headAt(text, at);
  if (head === null) return null;
  const line = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(head.line);
  if (line === null) throw new Error(`no request line: ${head.line}`);
  const { headers, bodyAt } = head;
  if (headers.get("host")?.length !== 1) throw new Error("no host, or several");
  if (headers.has("transfer-encoding")) throw new Error("the gateway never sends chunks");
  const end = bodyAt + (lengthIn(headers) ?? 0);
  if (text.length < end) return null;
  return { message: { method: line[1], target: line[2], headers, body: text.slice(bodyAt, end) }, end };
}

/**
 * @param text bytes as characters
 * @param closed whether nothing more can come
 * @returns null where more is to come, or nothing has
 * @throws for what is no such answer
 */
export function readAnswer(text: string, at: number, closed: boolean, head = false): Read<WireAnswer> | null {
  const top = headAt(text, at);
  if (top === null) {
    if (closed && at < text.length) throw new Error(`half of an answer's head: ${text.slice(at)}`);
    return null;
  }
  const line = /^HTTP\/1\.1 ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(top.line);
  if (line === null) throw new Error(`no status line: ${top.line}`);
  const { headers, bodyAt } = top;
  const status = Number(line[1]);
  const length = lengthIn(headers);
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined && (length !== null || coding.join() !== "chunked"))
    throw new Error(`framed in two ways, or by ${coding.join()}`);
  const answer = (body: string, whole: boolean, end: number): Read<WireAnswer> => ({
    message: { status, headers, body, whole },
    end,
  });
  if (head || status < 200 || NO_BODY.has(status)) return answer("", true, bodyAt);
  if (coding === undefined) {
    const end = length === null ? text.length : Math.min(text.length, bodyAt + length);
    const whole = length === null ? closed : end === bodyAt + length;
    return whole || closed ? answer(text.slice(bodyAt, end), whole, end) : null;
  }
  const { body, whole, end } = chunksAt(text, bodyAt);
  return whole || closed ? answer(body, whole, whole ? end : text.length) : null;
}

/** All answers of a connection that is over. @throws where its bytes are anything else */
export function answersIn(text: string): WireAnswer[] {
  const answers: WireAnswer[] = [];
  for (let at = 0; at < text.length; ) {
    const { message, end } = readAnswer(text, at, true) as Read<WireAnswer>;
    answers.push(message);
    at = end;
  }
  return answers;
}

/** @returns null where its end is still to come */
function headAt(text: string, at: number): { line: string; headers: Headers; bodyAt: number } | null {
  const end = text.indexOf("\r\n\r\n", at);
  if (end < 0) return null;
  const [line, ...lines] = text.slice(at, end).split("\r\n");
  const headers = new Map<string, string[]>();
  for (const each of lines) {
    const header = HEADER.exec(each);
    if (header === null) throw new Error(`no header: ${JSON.stringify(each)}`);
    const name = header[1].toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), header[2]]);
  }
  return { line, headers, bodyAt: end + 4 };
}

function lengthIn(headers: Headers): number | null {
  const lengths = headers.get("content-length");
  if (lengths === undefined) return null;
  if (lengths.length > 1 || !/^\d{1,9}$/.test(lengths[0])) throw new Error(`a length of ${lengths.join()}`);
  return Number(lengths[0]);
}

function chunksAt(text: string, from: number): { body: string; whole: boolean; end: number } {
  let body = "";
  for (let at = from; ; ) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return { body, whole: false, end: text.length };
    const size = text.slice(at, lineEnd);
    if (!/^[\da-f]{1,8}$/i.test(size)) throw new Error(`a chunk of ${size}`);
    const bytes = Number.parseInt(size, 16);
    const end = lineEnd + 2 + bytes;
    body += text.slice(lineEnd + 2, end);
    const after = text.slice(end, end + 2);
    if (after.length < 2) return { body, whole: false, end: text.length };
    if (after !== "\r\n") throw new Error("a chunk longer than it said, or a trailer");
    if (bytes === 0) return { body, whole: true, end: end + 2 };
    at = end + 2;
  }
}
