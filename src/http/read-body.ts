import type { IncomingMessage } from "node:http";
import { HttpError } from "./errors.ts";

const NO_BODY = Buffer.alloc(0);

/**
 * Collects a request's body. A body over the limit is refused as soon as it is known to be; the rest of it is not read.
 * When the client goes away before the end, nothing is called.
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  done: (body: Buffer) => void,
  refused: (error: HttpError) => void,
): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limitBytes) return refused(tooLarge(limitBytes));
  let first: Buffer = NO_BODY;
  let more: Buffer[] | null = null;
  let length = 0;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length > limitBytes) {
      request.off("data", take);
      request.off("end", end);
      refused(tooLarge(limitBytes));
    } else if (first === NO_BODY) {
      first = chunk;
    } else {
      (more ??= [first]).push(chunk);
    }
  };
  const end = () => done(more === null ? first : Buffer.concat(more, length));
  request.on("data", take);
  request.on("end", end);
}

function tooLarge(limitBytes: number): HttpError {
  return new HttpError("body_too_large", `The body is larger than ${limitBytes} bytes, the limit.`);
}
