import type { IncomingMessage, ServerResponse } from "node:http";
import { GrowingBytes } from "../lib/growing-bytes.ts";
import type { BodyMemory, HeldBody } from "./body-memory.ts";
import { HttpError } from "./errors.ts";

/** What looks into a body while it comes; what it throws refuses the request. */
export interface BodyReader {
  /** @param body all that has come */
  read(body: Buffer): void;
}

export interface BodyTerms {
  /** Of one body. */
  readonly limitBytes: number;
  /** Of all. */
  readonly memory: BodyMemory;
  /** Null to take it as it is. */
  readonly reader: BodyReader | null;
}

/**
 * Collects a request's body. One that is over a limit or malformed is refused as soon as it is known to be; the rest of
 * it is not read. When the client goes away before the end, nothing is called. The body's memory is held until `release`
 * or the end of the response, whichever comes first.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  { limitBytes, memory, reader }: BodyTerms,
  done: (body: Buffer, held: HeldBody) => void,
  refused: (error: unknown) => void,
): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limitBytes) return refused(tooLarge(limitBytes));
  const body = new GrowingBytes();
  const refuse = (error: unknown) => {
    request.off("data", take);
    request.off("end", end);
    body.clear();
    held.release();
    refused(error);
  };
  const held = memory.begin(refuse);
  const take = (chunk: Buffer) => {
    if (body.length + chunk.length > limitBytes) return refuse(tooLarge(limitBytes));
    if (!held.grow(chunk.length)) return;
    body.add(chunk);
    if (reader === null) return;
    try {
      reader.read(bufferOf(body));
    } catch (error) {
      refuse(error);
    }
  };
  const end = () => {
    held.whole();
    done(bufferOf(body), held);
  };
  response.once("close", () => held.release());
  request.on("data", take);
  request.on("end", end);
}

function bufferOf({ bytes }: GrowingBytes): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function tooLarge(limitBytes: number): HttpError {
  return new HttpError("body_too_large", `The body is larger than ${limitBytes} bytes, the limit.`);
}
