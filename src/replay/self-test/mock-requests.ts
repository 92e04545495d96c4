import type { Socket } from "node:net";

/** What the mock reads of a request. */
export interface MockRequest {
  readonly requestId: string;
  readonly tokens: number;
  /** Between two frames, on average. */
  readonly gapMs: number;
}

const EMPTY_LINE = "\r\n\r\n";

/** Reads the requests of one connection: one after the other, each with a length, as our own client sends them. */
export function readRequests(socket: Socket, onRequest: (request: MockRequest) => void): void {
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
    try {
      const { max_tokens: tokens, gap_ms: gapMs } = JSON.parse(body) as Record<string, number>;
      onRequest({ requestId: valueOf(headers, "x-request-id"), tokens, gapMs });
    } catch {
      socket.destroy();
    }
  });
  // Clients close as they like.
  socket.on("error", () => {});
}

function valueOf(headers: string, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, "im").exec(headers)?.[1].trim() ?? "";
}
