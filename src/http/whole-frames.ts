const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** A frame longer than this is passed on in pieces. */
const HELD_LIMIT_BYTES = 1024 * 1024;

/** A non-empty text in the places where OpenAI-compatible servers put generated tokens. */
const CONTENT =
  /"(?:content|text|reasoning_content|reasoning|refusal|arguments|delta|partial_json)"\s*:\s*"(?!")/;

/**
 * Cuts a stream of server-sent events, chunk by chunk, at the ends of frames. Only a chunk that ends inside a frame is
 * held up; the others go on as they came. So a stream that breaks can be ended between two frames.
 */
export class WholeFrames {
  #held: Buffer | null = null;
  /** Frames of which at least one had content. */
  #begun = false;
  /** Frames with content in what `take` returned last; keep-alives do not count. */
  contentFrames = 0;

  /** @returns what ends with a frame's end, or null when there is none yet */
  take(chunk: Buffer): Buffer | null {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    const end = endsFrame(bytes, bytes.length) ? bytes.length : lastFrameEnd(bytes);
    this.#held = end === bytes.length ? null : bytes.subarray(end);
    if (end === 0) {
      if (bytes.length < HELD_LIMIT_BYTES) return null;
      this.#held = null;
      this.contentFrames = 0;
      return bytes;
    }
    const whole = this.#held === null ? bytes : bytes.subarray(0, end);
    this.contentFrames = this.#count(whole);
    return whole;
  }

  /** The beginning of a frame that never ended, when the stream itself did. */
  rest(): Buffer | null {
    return this.#held;
  }

  /** Before the first content (a frame with the role alone) every frame is looked into, after it they are counted. */
  #count(bytes: Buffer): number {
    if (!this.#begun) {
      if (!CONTENT.test(bytes.toString("latin1"))) return 0;
      this.#begun = true;
    }
    let frames = 0;
    for (let at = 0; at < bytes.length; ) {
      let next = bytes.indexOf("\n\n", at);
      if (next < 0) next = bytes.length;
      // A line that begins with a colon is a comment: a keep-alive.
      if (bytes[at] !== 0x3a) frames++;
      at = next + 2;
    }
    return frames;
  }
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
