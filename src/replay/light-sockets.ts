import { Socket } from "node:net";
import { buildConnector } from "undici";

/** The most that a socket gives at once. */
const READ_BYTES = 64 * 1024;
/** Reads of frames are short, and of few lengths. */
const SHORT = 4096;
const LF = 10;
const CR = 13;

/** All sockets read into this one. */
const READ = Buffer.alloc(READ_BYTES);
const SHORT_READS: (Buffer | undefined)[] = [];

/** What was read and not yet taken. */
const WAITING = Symbol("waiting");
/** The socket is giving what it has read. */
const GIVING = Symbol("giving");

/** A socket whose reads are handed on at once. */
interface LightSocket extends Socket {
  [WAITING]?: Buffer | null;
  [GIVING]?: boolean;
}

/**
 * Connects sockets for undici that read into one buffer and hand on at once what they have read: no buffer, no stream's
 * state and no turn of the tick queue for a read. Of 20,000 frames a second most of a client's time is else spent on
 * these, and its garbage outlives many a scavenge.
 *
 * What a response's handler is given of a body is overwritten by the next read: it keeps only what it has made its own.
 */
export function lightConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector({ ...options, onread: { buffer: READ, callback: give } });
  return (at, callback) =>
    connect(at, (...result: Parameters<buildConnector.Callback>) => {
      const [error, socket] = result;
      if (error === null) socket.read = take;
      callback(...result);
    });
}

/** Node's `onread`. */
function give(this: LightSocket, length: number): boolean {
  const earlier = this[WAITING] ?? null;
  const now = isWholeFrame(length) ? readOf(length) : Buffer.from(readOf(length));
  this[WAITING] = earlier === null ? now : Buffer.concat([earlier, now]);
  this[GIVING] = true;
  this.emit("readable");
  this[GIVING] = false;
  const left = this[WAITING] ?? null;
  if (left !== null) this[WAITING] = Buffer.from(left);
  return true;
}

/** In place of a socket's `read`: what it has read, else what the stream itself has, its end among it. */
function take(this: LightSocket, size?: number): Buffer | null {
  const waiting = this[WAITING] ?? null;
  if (waiting !== null && size === undefined) {
    this[WAITING] = null;
    return waiting;
  }
  return this[GIVING] === true ? null : (Socket.prototype.read.call(this, size) as Buffer | null);
}

/**
 * Whether what was read ends where an event and a chunk end. Headers and trailers do not end so: of all else that undici
 * may hold on to until the next read, it gets bytes of its own.
 */
function isWholeFrame(length: number): boolean {
  const end = length >= 4 && READ[length - 1] === LF && READ[length - 2] === CR ? length - 2 : length;
  return end >= 2 && READ[end - 1] === LF && READ[end - 2] === LF;
}

function readOf(length: number): Buffer {
  if (length >= SHORT) return READ.subarray(0, length);
  return (SHORT_READS[length] ??= READ.subarray(0, length));
}
