import type { IncomingMessage, ServerResponse } from "node:http";
import { GrowingBytes } from "../lib/growing-bytes.ts";
import type { BodyMemory, HeldBody } from "./body-memory.ts";
import { HttpError } from "./errors.ts";
import type { ReadingTurns } from "./reading-turns.ts";

/** Looks into a body while it comes; what it throws refuses the request. */
export interface BodyReader {
  /** @param body all that has come */
  read(body: Buffer): void;
}

export interface BodyTerms {
  /** Of one body. */
  readonly limitBytes: number;
  /** Of all. */
  readonly memory: BodyMemory;
  readonly turns: ReadingTurns;
  /** Null to take it as it is. */
  readonly reader: BodyReader | null;
}

/**
 * Collects a request's body. One that is over a limit is refused as soon as it is known to be, and the rest of it is not
 * read; one that its reader refuses is no longer kept, and refused at its end. When the client goes away before that,
 * nothing is called. The body's memory is held until `release` or the end of the response, whichever comes first.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  { limitBytes, memory, turns, reader }: BodyTerms,
  done: (body: Buffer, held: HeldBody) => void,
  refused: (error: unknown) => void,
): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limitBytes) return refused(tooLarge(limitBytes));
  const body = new GrowingBytes();
  let length = 0;
  let fault: unknown = null;
  const refuse = (error: unknown) => {
    request.off("data", take);
    request.off("end", end);
    body.free();
    held.release();
    refused(error);
  };
  const held = memory.begin(refuse);
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length > limitBytes) return refuse(tooLarge(limitBytes));
    if (fault !== null || !held.grow(chunk.length, length === announced)) return;
    body.add(chunk);
    try {
      reader?.read(bufferOf(body));
      if (length !== announced) turns.took(request, chunk.length);
    } catch (error) {
      fault = error;
      body.free();
      held.release();
    }
  };
  const end = () => {
    if (fault !== null) return refuse(fault);
    held.whole();
    done(bufferOf(body), held);
    body.clear();
  };
  response.on("close", () => held.release());
  request.on("data", take);
  request.on("end", end);
}

function bufferOf({ bytes }: GrowingBytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function tooLarge(limitBytes: number): HttpError {
  return new HttpError("body_too_large", `The body is larger than ${limitBytes} bytes, the limit.`);
}
