import { Transform, type TransformCallback } from "node:stream";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** A frame longer than this is passed on in pieces. */
const HELD_LIMIT_BYTES = 8 * 1024 * 1024;

/** A non-empty text in the places where OpenAI-compatible servers put generated tokens. */
const CONTENT = /"(?:content|text|reasoning_content|reasoning|refusal|arguments)"\s*:\s*"(?!")/;

/**
 * Relays a stream of server-sent events byte for byte, in whole frames, and notes the frames that carry content.
 * When the source breaks, the frame it broke in is dropped and a last frame tells the client, so that a broken
 * stream cannot be taken for a finished one.
 */
export class FrameRelay extends Transform {
  readonly #onContent: () => void;
  /** The beginning of a frame whose end has not arrived. */
  #held: Buffer | null = null;
  /** Bytes of the current line so far, line ends not counted; an empty line ends a frame. */
  #lineLength = 0;
  #lastFrame: string | null = null;

  constructor(onContent: () => void) {
    super();
    this.#onContent = onContent;
  }

  /** Ends the stream with `frame` after what has been relayed whole. */
  breakOff(frame: string): void {
    this.#lastFrame = frame;
    this.end();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const fresh = this.#held === null ? 0 : this.#held.length;
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    let start = 0;
    for (let i = fresh; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte !== LINE_FEED) {
        if (byte !== CARRIAGE_RETURN) this.#lineLength++;
        continue;
      }
      if (this.#lineLength === 0) {
        if (CONTENT.test(bytes.toString("latin1", start, i))) this.#onContent();
        start = i + 1;
      }
      this.#lineLength = 0;
    }
    if (bytes.length - start > HELD_LIMIT_BYTES) start = bytes.length;
    this.#held = start < bytes.length ? bytes.subarray(start) : null;
    done(null, start > 0 ? bytes.subarray(0, start) : undefined);
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#lastFrame ?? this.#held ?? undefined);
  }
}
