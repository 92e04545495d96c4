import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Client } from "../serving/flight/client.ts";
import type { EngineUnreachable, ResponseHeaders, Shard } from "../serving/engine.ts";
import type { Flight } from "../serving/flight/flight.ts";
import type { HeldBody } from "./body-memory.ts";
import type { LastFrame } from "./last-frames.ts";
import { errorAnswer } from "./errors.ts";
import { headerOf, returnedHeaders } from "./headers.ts";
import { sendError } from "./send-error.ts";
import { WholeFrames } from "./whole-frames.ts";
import { writeChunk } from "./write-chunk.ts";

/**
 * An answer on its way to the client's connection. What arrives from the engine in one read leaves in one write: the
 * last chunk waits for the end of the tick, in case the end of the answer comes with it.
 */
export class ClientResponse implements Client {
  readonly #response: ServerResponse;
  readonly #requestId: string;
  readonly #lastFrame: LastFrame;
  readonly #stallMs: number;
  readonly #body: HeldBody | null;
  #flight: Flight | null = null;
  #frames: WholeFrames | null = null;
  /** The chunk that waits for the end of the tick. */
  #waiting: Buffer | null = null;
  #flushing = false;
  /** The head was written. */
  #begun = false;
  #stall: NodeJS.Timeout | null = null;
  /** The connection that has to drain. */
  #full: Socket | null = null;
  readonly #drained = (): void => {
    this.#calm();
    this.#flight?.resume();
  };

  /**
   * @param stallMs how long a client may read nothing before it is given up
   * @param body what is held of the request's
   */
  constructor(
    response: ServerResponse,
    requestId: string,
    lastFrame: LastFrame,
    stallMs: number,
    body: HeldBody | null = null,
  ) {
    this.#response = response;
    this.#requestId = requestId;
    this.#lastFrame = lastFrame;
    this.#stallMs = stallMs;
    this.#body = body;
  }

  /** The request is on its way: from now on a client that goes away takes it along. */
  follow(flight: Flight): void {
    this.#flight = flight;
    this.#response.once("close", () => {
      this.#calm();
      flight.cancel();
    });
  }

  headers(head: ResponseHeaders, shard: Shard, epoch: number): void {
    const headers = returnedHeaders(head.headers);
    if (isEventStream(head)) {
      this.#frames = new WholeFrames();
      // A stream that breaks off is longer than it was said to be.
      const length = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "content-length");
      if (length >= 0) headers.splice(length, 2);
    }
    headers.push(
      "x-plimsoll-shard",
      shard.id,
      "x-plimsoll-epoch",
      `${epoch}`,
      "x-request-id",
      this.#requestId,
    );
    this.#response.writeHead(head.status, headers);
  }

  data(chunk: Buffer): boolean {
    let bytes: Buffer | null = chunk;
    if (this.#frames !== null) {
      bytes = this.#frames.take(chunk);
      if (bytes === null) return true;
      if (this.#frames.contentFrames > 0) this.#flight?.timing.contentFrames(this.#frames.contentFrames);
    }
    const before = this.#waiting;
    this.#waiting = bytes;
    if (before !== null) this.#write(before);
    else if (!this.#flushing) {
      this.#flushing = true;
      process.nextTick(flush, this);
    }
    if (this.#response.socket?.writableNeedDrain !== true) return true;
    this.#awaitDrain();
    return false;
  }

  end(): void {
    const rest = this.#frames?.rest() ?? null;
    let last = this.#take();
    if (rest !== null) {
      if (last !== null) this.#write(last);
      last = rest;
    }
    this.#finish(last);
  }

  brokenOff(fault: EngineUnreachable): void {
    const last = this.#take();
    if (last !== null) this.#write(last);
    // Without frames there is no way to say it but by breaking off too.
    if (this.#frames === null) this.#response.destroy();
    else this.#finish(this.#lastFrame(errorAnswer(fault)));
  }

  bodyReleased(): void {
    this.#body?.release();
  }

  refused(error: Error): void {
    sendError(this.#response, error, this.#requestId);
  }

  /** @internal writes what waited for the end of the tick */
  flush(): void {
    this.#flushing = false;
    const last = this.#take();
    if (last !== null) this.#write(last);
  }

  #take(): Buffer | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }

  #write(chunk: Buffer): void {
    const flowing = writeChunk(this.#response, chunk, !this.#begun);
    this.#begun = true;
    if (!flowing) this.#awaitDrain();
  }

  /** The client does not read as fast as the engine writes: the engine waits, but not for ever. */
  #awaitDrain(): void {
    if (this.#stall !== null) return;
    this.#stall = setTimeout(() => this.#response.destroy(), this.#stallMs);
    this.#full = this.#response.socket;
    this.#full?.once("drain", this.#drained);
  }

  /** The last bytes, too, must not be left unread for ever. */
  #finish(last: Buffer | string | null): void {
    if (last === null) this.#response.end();
    else this.#response.end(last);
    const unread = this.#response.socket?.writableLength ?? 0;
    if (unread > 0) this.#stall ??= setTimeout(() => this.#response.destroy(), this.#stallMs);
  }

  #calm(): void {
    if (this.#stall === null) return;
    clearTimeout(this.#stall);
    this.#stall = null;
    this.#full?.off("drain", this.#drained);
    this.#full = null;
  }
}

function flush(response: ClientResponse): void {
  response.flush();
}

function isEventStream({ headers }: ResponseHeaders): boolean {
  const type = headerOf(headers, "content-type");
  return (
    type !== undefined &&
    type.startsWith("text/event-stream") &&
    headerOf(headers, "content-encoding") === undefined
  );
}
