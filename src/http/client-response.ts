import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { AnswerEnd, Client } from "../serving/flight/client.ts";
import { EngineUnreachable, type ResponseHeaders } from "../serving/engine.ts";
import { isEventStream } from "../serving/flight/event-stream.ts";
import type { Flight } from "../serving/flight/flight.ts";
import { headerOf } from "../serving/header-list.ts";
import type { HeldBody } from "./body-memory.ts";
import { errorAnswer } from "./errors.ts";
import { returnedHeaders } from "./headers.ts";
import { type Answering, sendError } from "./send-error.ts";
import type { ShardNames } from "./shard-names.ts";
import { WholeFrames } from "./whole-frames.ts";
import { writeChunk } from "./write-chunk.ts";

/**
 * An answer on its way to the client's connection. What arrives from the engine in one read is written at once: the
 * last chunk waits for the end of the tick, in case the end of the answer arrives with it.
 */
export class ClientResponse implements Client {
  readonly #response: ServerResponse;
  readonly #answering: Answering;
  readonly #shards: Pick<ShardNames, "shown">;
  readonly #stallMs: number;
  readonly #keepAliveMs: number;
  readonly #body: HeldBody | null;
  readonly #onFailed: (error: Error) => void;
  #keepAliveTimer: NodeJS.Timeout | null = null;
  #flight: Flight | null = null;
  #frames: WholeFrames | null = null;
  /** The engine has sent the stream's length. */
  #announced = false;
  /** The chunk that waits for the end of the tick. */
  #waiting: Buffer | null = null;
  #flushing = false;
  /** The response headers were written. */
  #headersSent = false;
  #stall: NodeJS.Timeout | null = null;
  /** The connection that is full. */
  #full: Socket | null = null;
  readonly #drained = (): void => {
    this.#endStall();
    this.#flight?.resume();
  };

  /**
   * @param stallMs how long a client may read nothing before it is cut off
   * @param keepAliveMs how often a stream without a first frame gets a comment; 0 for never
   * @param body what is held of the request's
   * @param onFailed receives what the client is told only a part of
   */
  constructor(
    response: ServerResponse,
    answering: Answering,
    shards: Pick<ShardNames, "shown">,
    stallMs: number,
    keepAliveMs: number,
    body: HeldBody | null,
    onFailed: (error: Error) => void,
  ) {
    this.#response = response;
    this.#answering = answering;
    this.#shards = shards;
    this.#stallMs = stallMs;
    this.#keepAliveMs = keepAliveMs;
    this.#body = body;
    this.#onFailed = onFailed;
  }

  /** The request was sent: from now on it is cancelled when its client goes away. */
  follow(flight: Flight): void {
    this.#flight = flight;
    this.#response.on("close", () => {
      this.#endStall();
      this.#endKeepAlive();
      flight.cancel();
    });
  }

  headers(response: ResponseHeaders, shard: string, epoch: number): void {
    const { requestId, cors, rates } = this.#answering;
    const headers = returnedHeaders(response.headers, cors.length > 0, rates !== undefined);
    if (isEventStream(response)) {
      this.#frames = new WholeFrames();
      // A stream that breaks off gets an error event, and is longer than its announced length.
      const length = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "content-length");
      this.#announced = length >= 0;
      if (this.#announced) headers.splice(length, 2);
      // A proxy in front that holds frames back until its buffer is full has clients wait for them.
      if (headerOf(headers, UNBUFFERED[0]) === undefined) headers.push(...UNBUFFERED);
    }
    headers.push("x-plimsoll-shard", this.#shards.shown(shard));
    headers.push("x-plimsoll-epoch", `${epoch}`, "x-request-id", requestId);
    for (const part of cors) headers.push(part);
    if (rates !== undefined) headers.push(...rates());
    this.#response.writeHead(response.status, headers);
    this.#flushSoon();
    if (this.#frames !== null) this.#keepAlive();
  }

  takenOver(shard: string): void {
    this.#comment(`x-plimsoll-shard: ${this.#shards.shown(shard)}`);
  }

  data(chunk: Buffer): boolean {
    let bytes: Buffer | null = chunk;
    if (this.#frames !== null) {
      bytes = this.#frames.take(chunk);
      if (bytes === null) return true;
      if (this.#frames.contentFrames > 0) this.#flight?.timing.contentFrames(this.#frames.contentFrames);
    }
    this.#endKeepAlive();
    const before = this.#waiting;
    this.#waiting = bytes;
    if (before !== null) this.#write(before);
    else this.#flushSoon();
    if (this.#response.socket?.writableNeedDrain !== true) return true;
    this.#awaitDrain();
    return false;
  }

  end(): AnswerEnd {
    const rest = this.#frames?.rest() ?? null;
    if (rest !== null && this.#announced && isCutShort(rest)) {
      this.brokenOff(
        new EngineUnreachable("the engine", "announced a shorter response", { mayHaveBegun: true }),
      );
      return "cut_short";
    }
    let last = this.#take();
    if (rest !== null) {
      if (last !== null) this.#write(last);
      last = rest;
    }
    this.#finish(last);
    return this.#frames?.answerEnd ?? "whole";
  }

  brokenOff(fault: Error): void {
    this.#onFailed(fault);
    const last = this.#take();
    if (last !== null) this.#write(last);
    // Without frames only closing the connection shows the break.
    if (this.#frames === null) return void this.#response.destroy();
    const { shape, requestId } = this.#answering;
    const end = this.#frames.insideFrame ? "\n\n" : "";
    this.#finish(end + shape.lastFrame(errorAnswer(fault), requestId));
  }

  bodyReleased(): void {
    this.#body?.release();
  }

  refused(error: Error): void {
    this.#onFailed(error);
    sendError(this.#response, errorAnswer(error), this.#answering);
  }

  /** @internal writes what waited for the end of the tick: the response headers alone where there is nothing else */
  flush(): void {
    this.#flushing = false;
    const last = this.#take();
    if (last !== null) this.#write(last);
    else if (!this.#headersSent && !this.#response.writableEnded) this.#response.flushHeaders();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(flush, this);
  }

  /** While the stream has no first frame. */
  #keepAlive(): void {
    if (this.#keepAliveMs > 0)
      this.#keepAliveTimer = setInterval(() => this.#comment("keep-alive"), this.#keepAliveMs);
  }

  #endKeepAlive(): void {
    if (this.#keepAliveTimer !== null) clearInterval(this.#keepAliveTimer);
    this.#keepAliveTimer = null;
  }

  /** Clients of event streams ignore comments. */
  #comment(text: string): void {
    this.#write(Buffer.from(`: ${text}\n\n`));
  }

  #take(): Buffer | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }

  #write(chunk: Buffer): void {
    const flowing = writeChunk(this.#response, chunk, !this.#headersSent);
    this.#headersSent = true;
    if (!flowing) this.#awaitDrain();
  }

  /** The client does not read as fast as the engine writes: the engine waits, but not for ever. */
  #awaitDrain(): void {
    if (this.#stall !== null) return;
    this.#stall = setTimeout(() => this.#response.destroy(), this.#stallMs);
    this.#full = this.#response.socket;
    this.#full?.once("drain", this.#drained);
  }

  /** A client that never reads the last bytes is cut off too. */
  #finish(last: Buffer | string | null): void {
    this.#endKeepAlive();
    if (last === null) this.#response.end();
    else this.#response.end(last);
    const unread = this.#response.socket?.writableLength ?? 0;
    if (unread > 0) this.#stall ??= setTimeout(() => this.#response.destroy(), this.#stallMs);
  }

  #endStall(): void {
    if (this.#stall === null) return;
    clearTimeout(this.#stall);
    this.#stall = null;
    this.#full?.off("drain", this.#drained);
    this.#full = null;
  }
}

const UNBUFFERED = ["x-accel-buffering", "no"] as const;
const DONE = Buffer.from("data: [DONE]");
const LINE_ENDS = new Set([0x0a, 0x0d]);

/** Whether a stream ended inside a line; its last frame may lack the empty line after it. */
function isCutShort(rest: Buffer): boolean {
  return !LINE_ENDS.has(rest[rest.length - 1]) && !rest.equals(DONE);
}

function flush(response: ClientResponse): void {
  response.flush();
}
