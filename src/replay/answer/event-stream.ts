import { createParser, type EventSourceParser } from "eventsource-parser";

/** Longer lines are no events of a model's. */
const LONGEST = 16 << 20;

/** Receives an event's type ("" where it has none) and its data. */
export type OnEvent = (type: string, data: string) => void;

/** Server-sent events out of bytes, however these are cut. */
export class EventStream {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;

  /** @param onOther receives lines that are of no event stream */
  constructor(
    onEvent: OnEvent,
    onComment: (text: string) => void = () => {},
    onOther: (line: string) => void = () => {},
  ) {
    this.#parser = createParser({
      // An event without data is none (the HTML standard, 9.2.6).
      onEvent: ({ event = "", data }) => data !== "" && onEvent(event, data),
      onComment,
      onError: ({ type, line }) => {
        if (type === "max-buffer-size-exceeded") throw new EndlessLine();
        if (type === "unknown-field" && line !== undefined) onOther(line);
      },
      maxBufferSize: LONGEST,
    });
  }

  /** @throws EndlessLine */
  push(chunk: Buffer): void {
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }

  /** The bytes have ended. What was not ended by an empty line counts as an event all the same. */
  end(): void {
    this.#parser.feed(`${this.#decoder.decode()}\n\n`);
  }
}

/** Letters in which a first field, or a comment, shows. */
const FIRST = 64;

/** Whether a body begins as one of events does. */
export function beginsEvents(chunk: Buffer): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(chunk.toString("latin1", 0, FIRST));
}

/** A line without an end. */
export class EndlessLine extends Error {
  override readonly name = "EndlessLine";
  readonly code = "LINE_TOO_LONG";
}
