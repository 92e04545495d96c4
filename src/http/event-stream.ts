import type { ServerResponse } from "node:http";
import { HttpError } from "./errors.ts";
import { EventReader } from "./event-reader.ts";

/** A client that leaves this much unread is dropped. */
const UNREAD_LIMIT_BYTES = 4 * 1024 * 1024;

/** Dashboards that look at a gateway at once; each may leave so much unread. */
const MOST_READERS = 64;

/** Server-sent events to all who read them. */
export class EventStream {
  readonly #readers = new Set<EventReader>();

  get readers(): number {
    return this.#readers.size;
  }

  /** Bytes that no reader has taken yet. */
  get unread(): number {
    return [...this.#readers].reduce((sum, reader) => sum + reader.unread, 0);
  }

  /** @throws HttpError when as many read as may */
  checkRoom(): void {
    if (this.readers < MOST_READERS) return;
    throw new HttpError("overloaded", `The gateway is overloaded: ${MOST_READERS} clients read its events.`);
  }

  /**
   * Takes over a response: its head, one first event of JSON text, then every later one.
   * @param compressed whether its client takes gzip
   */
  join(response: ServerResponse, event: string, json: string, compressed = false): void {
    const reader = new EventReader(response, compressed);
    response.once("close", () => {
      this.#readers.delete(reader);
      reader.drop();
    });
    this.#readers.add(reader);
    reader.write(frame(event, json));
  }

  send(event: string, data: unknown): void {
    if (this.readers === 0) return;
    const text = frame(event, JSON.stringify(data));
    for (const reader of this.#readers) {
      if (reader.unread > UNREAD_LIMIT_BYTES) reader.drop();
      else reader.write(text);
    }
  }

  close(): void {
    for (const reader of this.#readers) reader.end();
  }
}

function frame(event: string, json: string): string {
  return `event: ${event}\ndata: ${json}\n\n`;
}
