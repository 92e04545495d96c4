import { GrowingBytes } from "../lib/growing-bytes.ts";
import type { AnswerEnd } from "../serving/flight/client.ts";
import { isErrorFrame, statusOf } from "./error-frames.ts";

/** From this status on it is the engine's fault. */
const FAILED = 500;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** A longer frame is relayed in pieces. */
const HELD_LIMIT_BYTES = 1024 * 1024;

/** The longest end of a frame, in bytes. */
const LONGEST_END = 3;

/**
 * A non-empty text in the places where OpenAI-compatible servers put generated tokens. White space can be taken in one
 * way only, so that the time is in proportion to the text's length.
 */
const CONTENT =
  /"(?:content|text|reasoning_content|reasoning|refusal|arguments|delta|partial_json)"\s*:\s*"(?!")/;

/**
 * Cuts a stream of server-sent events, chunk by chunk, at the ends of frames. Only a chunk that ends inside a frame is
 * held back; the others pass unchanged. So a stream that breaks can be ended between two frames.
 */
export class WholeFrames {
  readonly #held = new GrowingBytes();
  /** Frames of which at least one had content. */
  #begun = false;
  /** Frames with content in what `take` returned last; keep-alives do not count. */
  contentFrames = 0;
  /** The status that the first frame reports which is an error in place of more of the answer; 0 while there is none. */
  errorStatus = 0;
  /** What was let out last ends inside a frame that is too long to hold. */
  insideFrame = false;

  /** How an answer ended that is complete. */
  get answerEnd(): AnswerEnd {
    if (this.errorStatus === 0) return "whole";
    return this.errorStatus < FAILED ? "client_error" : "failed";
  }

  /** @returns what ends with a frame's end, or null when there is none yet */
  take(chunk: Buffer): Buffer | null {
    const end = this.#endIn(chunk);
    if (end === 0) {
      this.#held.add(chunk);
      if (this.#held.length < HELD_LIMIT_BYTES) return null;
      this.contentFrames = 0;
      this.insideFrame = true;
      return this.rest();
    }
    this.insideFrame = false;
    const whole = this.#with(end === chunk.length ? chunk : chunk.subarray(0, end));
    if (end < chunk.length) this.#held.add(chunk.subarray(end));
    this.contentFrames = this.#count(whole);
    return whole;
  }

  /** The beginning of a frame that never ended, when the stream itself did. */
  rest(): Buffer | null {
    if (this.#held.length === 0) return null;
    const rest = this.#with(EMPTY);
    this.#noteError(rest, 0);
    return rest;
  }

  /** What was held, and these bytes; nothing is held any more. */
  #with(bytes: Buffer): Buffer {
    if (this.#held.length === 0) return bytes;
    this.#held.add(bytes);
    const all = this.#held.bytes;
    this.#held.clear();
    return Buffer.from(all.buffer, all.byteOffset, all.length);
  }

  /** Where in the chunk the last frame ends, that may have begun to end before it; 0 for nowhere. */
  #endIn(chunk: Buffer): number {
    if (endsFrame(chunk, chunk.length)) return chunk.length;
    const end = lastFrameEnd(chunk);
    if (end > 0 || this.#held.length === 0) return end;
    const before = this.#held.bytes.subarray(-LONGEST_END);
    const seam = Buffer.concat([before, chunk.subarray(0, LONGEST_END)]);
    return Math.max(0, lastFrameEnd(seam) - before.length);
  }

  /** Before the first content (a frame with the role alone) every frame is searched, after it frames are counted. */
  #count(bytes: Buffer): number {
    this.#begun ||= CONTENT.test(bytes.toString("latin1"));
    let frames = 0;
    for (let at = 0; at < bytes.length; ) {
      // A line that begins with a colon is a comment: a keep-alive.
      if (bytes[at] !== 0x3a) frames++;
      this.#noteError(bytes, at);
      at = frameEnd(bytes, at);
    }
    return this.#begun ? frames : 0;
  }

  #noteError(bytes: Buffer, at: number): void {
    if (this.errorStatus === 0 && isErrorFrame(bytes, at)) this.errorStatus = statusOf(bytes, at);
  }
}

/** Where the frame from `at` on ends; lines that end in a carriage return alone are not told apart. */
function frameEnd(bytes: Buffer, at: number): number {
  for (let line = bytes.indexOf(LINE_FEED, at); line >= 0; line = bytes.indexOf(LINE_FEED, line + 1)) {
    const next = bytes[line + 1] === CARRIAGE_RETURN ? line + 2 : line + 1;
    if (bytes[next] === LINE_FEED) return next + 1;
  }
  return bytes.length;
}

/** Whether a frame ends right before `end`: with an empty line, by any of the three line ends there are. */
function endsFrame(bytes: Buffer, end: number): boolean {
  const last = bytes[end - 1];
  if (last === LINE_FEED) {
    const before = bytes[end - 2];
    return before === LINE_FEED || (before === CARRIAGE_RETURN && bytes[end - 3] === LINE_FEED);
  }
  return last === CARRIAGE_RETURN && bytes[end - 2] === CARRIAGE_RETURN;
}

function lastFrameEnd(bytes: Buffer): number {
  const plain = bytes.lastIndexOf("\n\n");
  const crlf = bytes.lastIndexOf("\n\r\n");
  const cr = bytes.lastIndexOf("\r\r");
  return Math.max(plain + 2, crlf + 3, cr + 2, 2) - (plain < 0 && crlf < 0 && cr < 0 ? 2 : 0);
}

const EMPTY = Buffer.alloc(0);
