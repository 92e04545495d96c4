import type { Socket } from "node:net";

/** What the mock reads of a request. */
export interface MockRequest {
  /** The `x-request-id` that it was asked with. */
  readonly requestId: string;
  /** Which of the load's requests it is: the number that its prompt begins with, else the one that its id ends with. */
  readonly row: number;
  readonly tokens: number;
  /** Between two frames, on average; null where it does not say. */
  readonly gapMs: number | null;
}

/** Of the body of a chat request. The second name of the limit is the newer one. */
interface AskedBody {
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly gap_ms?: number;
  readonly messages?: readonly { readonly content?: unknown }[];
}

const EMPTY_LINE = "\r\n\r\n";

/**
 * Reads the requests of one connection: one after the other, each with a length, as our own client and aiperf's send
 * them.
 * @param onQuestion receives those without a body
 */
export function readRequests(
  socket: Socket,
  onRequest: (request: MockRequest) => void,
  onQuestion: () => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const headersEnd = bytes.indexOf(EMPTY_LINE);
    if (headersEnd < 0) return;
    const headers = bytes.toString("latin1", 0, headersEnd);
    const bodyAt = headersEnd + EMPTY_LINE.length;
    const end = bodyAt + Number(valueOf(headers, "content-length"));
    if (bytes.length < end) return;
    const body = bytes.toString("utf8", bodyAt, end);
    bytes = bytes.subarray(end);
    if (body === "") return onQuestion();
    try {
      onRequest(requestOf(JSON.parse(body) as AskedBody, valueOf(headers, "x-request-id")));
    } catch {
      socket.destroy();
    }
  });
  // Clients close as they like.
  socket.on("error", () => {});
}

function requestOf(body: AskedBody, requestId: string): MockRequest {
  const { max_tokens, max_completion_tokens, gap_ms, messages = [] } = body;
  const content = messages.at(-1)?.content;
  const begin = typeof content === "string" ? /^\d+(?= )/.exec(content) : null;
  return {
    requestId,
    row: Number(begin?.[0] ?? requestId.slice(requestId.lastIndexOf("-") + 1)),
    tokens: max_tokens ?? max_completion_tokens ?? 1,
    gapMs: gap_ms ?? null,
  };
}

function valueOf(headers: string, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, "im").exec(headers)?.[1].trim() ?? "";
}
