const SPACE = 0x20;
const OPEN_BRACE = 0x7b;

const DATA = Buffer.from("data:");
const ERROR_FIELD = Buffer.from('"error"');
/** Anthropic's, and those of the responses route. */
const EVENTS = ["event: error", "event: response.failed"].map((line) => Buffer.from(line));

/** A frame that reports an error is short; of a longer one the status is not read. */
const MOST_READ_BYTES = 65_536;
const FAILED = 500;

/**
 * Whether the frame that begins there reports an error in place of more of the answer, as engines do once a stream's
 * response headers are out: `data: {"error": …}` (vLLM, SGLang), or an event of that name.
 */
export function isErrorFrame(bytes: Buffer, at: number): boolean {
  if (bytes[at] === DATA[0]) {
    // Every other frame of a stream comes here: most have another field first.
    let field = at + DATA.length;
    if (bytes[field] === SPACE) field++;
    if (bytes[field++] !== OPEN_BRACE) return false;
    while (bytes[field] === SPACE) field++;
    return begins(bytes, field, ERROR_FIELD) && begins(bytes, at, DATA);
  }
  return EVENTS.some((event) => begins(bytes, at, event));
}

function begins(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** The status that an answer with this error would have had: 400 to 499 where the request is at fault, else 500. */
export function statusOf(bytes: Buffer, at: number): number {
  const frame = bytes.toString("utf8", at, Math.min(bytes.length, at + MOST_READ_BYTES));
  const data = frame.indexOf("data:");
  const end = frame.indexOf("\n", data);
  if (data < 0) return FAILED;
  try {
    const event = JSON.parse(frame.slice(data + DATA.length, end < 0 ? undefined : end)) as ErrorEvent | null;
    const { code, type } = event?.error ?? {};
    if (typeof code === "number") return code >= 400 && code < FAILED ? code : FAILED;
    return typeof type === "string" && REFUSALS.has(type) ? 400 : FAILED;
  } catch {
    return FAILED;
  }
}

interface ErrorEvent {
  readonly error?: { readonly code?: unknown; readonly type?: unknown } | null;
}

/** Types of Anthropic's and OpenAI's errors that a request causes itself. */
const REFUSALS = new Set([
  "invalid_request_error",
  "authentication_error",
  "permission_error",
  "not_found_error",
  "request_too_large",
  "rate_limit_error",
]);
