export interface Frame {
  readonly event: string;
  readonly data: string;
}

/** Reads server-sent events as this gateway writes them: one line `event`, one line `data`, one that is empty. */
export class FrameReader {
  #rest = "";

  /** The events that are whole with this piece of text, in their order. */
  read(text: string): Frame[] {
    const frames = (this.#rest + text).split("\n\n");
    this.#rest = frames.pop() ?? "";
    return frames.map((frame) => ({ event: field(frame, "event"), data: field(frame, "data") }));
  }
}

function field(frame: string, name: string): string {
  const line = frame.split("\n").find((one) => one.startsWith(`${name}: `));
  return line?.slice(name.length + 2) ?? "";
}
