import { GrowingBytes } from "../../lib/growing-bytes.ts";

const FRAME_END = "\n\n";
const EXTENSION = '"sglext"';
const DATA = "data:";
/** An event that SGLang sends for its extension alone is short once its fields are cut out. */
const MOST_UNSEEN_BYTES = 4096;
/** A longer frame is relayed in pieces. */
const HELD_LIMIT_BYTES = 1024 * 1024;

/**
 * Removes events from a stream that are there only because the gateway asked for something: clients index their
 * `choices`.
 */
export class UnseenFrames {
  readonly #held = new GrowingBytes();
  /** What is held ends with half a frame's end. */
  #half = false;

  /** @returns the events that are whole */
  take(bytes: Buffer): Buffer {
    const last = bytes.lastIndexOf(FRAME_END);
    // A frame's end may come in two pieces.
    const end = last >= 0 ? last + FRAME_END.length : this.#half && bytes[0] === 0x0a ? 1 : 0;
    const whole = end > 0 || this.#held.length + bytes.length > HELD_LIMIT_BYTES;
    const upTo = end > 0 ? end : bytes.length;
    const frames = whole ? this.#with(bytes.subarray(0, upTo)) : EMPTY;
    const rest = whole ? bytes.subarray(upTo) : bytes;
    if (whole) this.#half = false;
    if (rest.length > 0) {
      this.#held.add(rest);
      this.#half = rest[rest.length - 1] === 0x0a;
    }
    return end > 0 ? withoutUnseen(frames) : frames;
  }

  /** @param rest what came last, or null */
  end(rest: Buffer | null): Buffer {
    return this.#with(rest ?? EMPTY);
  }

  /** What was held, and these bytes; nothing is held any more. */
  #with(bytes: Buffer): Buffer {
    if (this.#held.length === 0) return bytes;
    this.#held.add(bytes);
    const all = this.#held.bytes;
    this.#held.clear();
    return Buffer.from(all.buffer, all.byteOffset, all.length);
  }
}

const EMPTY = Buffer.alloc(0);

function withoutUnseen(frames: Buffer): Buffer {
  if (!frames.includes(EXTENSION)) return frames;
  const seen: Buffer[] = [];
  for (let at = 0; at < frames.length; ) {
    const end = frames.indexOf(FRAME_END, at);
    // A third line end in a row is half of one.
    const next = end < 0 ? frames.length : end + FRAME_END.length;
    const frame = frames.subarray(at, next);
    if (!isUnseen(frame)) seen.push(frame);
    at = next;
  }
  return Buffer.concat(seen);
}

/** Whether it has neither choices nor usage, and of the extension nothing but empty fields. */
function isUnseen(frame: Buffer): boolean {
  if (frame.length > MOST_UNSEEN_BYTES || !frame.includes(EXTENSION)) return false;
  const text = frame.toString("utf8").trim();
  if (!text.startsWith(DATA)) return false;
  let event: unknown;
  try {
    event = JSON.parse(text.slice(DATA.length));
  } catch {
    return false;
  }
  const { choices, sglext, usage } = (event ?? {}) as Record<string, unknown>;
  if (!Array.isArray(choices) || choices.length > 0) return false;
  if (typeof sglext !== "object" || sglext === null) return false;
  return (usage ?? null) === null && Object.values(sglext).every((value) => value === null);
}
