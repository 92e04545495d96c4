const FRAME_END = "\n\n";
const EXTENSION = '"sglext"';
/** What SGLang sends for its extension's sake alone, with nothing left in it. */
const NOTHING_ELSE = /"choices":\s*\[\s*\].*"sglext":\s*\{(?:\s*"\w+":\s*null\s*,?)*\s*\}/;
const USAGE = /"usage":\s*\{/;

/** Leaves events out of a stream that came because the gateway asked for something: clients index their `choices`. */
export class UnseenFrames {
  #held: Buffer | null = null;

  /** @returns the events that are whole */
  take(bytes: Buffer): Buffer {
    const all = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    const last = all.lastIndexOf(FRAME_END);
    const end = last < 0 ? 0 : last + FRAME_END.length;
    this.#held = end === all.length ? null : all.subarray(end);
    return withoutUnseen(all.subarray(0, end));
  }

  /** @param rest what came last, or null */
  end(rest: Buffer | null): Buffer {
    return Buffer.concat([this.#held ?? EMPTY, rest ?? EMPTY]);
  }
}

const EMPTY = Buffer.alloc(0);

function withoutUnseen(frames: Buffer): Buffer {
  if (!frames.includes(EXTENSION)) return frames;
  const seen: Buffer[] = [];
  for (let at = 0; at < frames.length; ) {
    const next = frames.indexOf(FRAME_END, at) + FRAME_END.length;
    const frame = frames.subarray(at, next);
    const text = frame.toString("latin1");
    if (!NOTHING_ELSE.test(text) || USAGE.test(text)) seen.push(frame);
    at = next;
  }
  return Buffer.concat(seen);
}
