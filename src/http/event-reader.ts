import type { ServerResponse } from "node:http";
import { type Gzip, constants, createGzip } from "node:zlib";

/** Reports are digits: a third of their bytes at the least effort, and little less at the most. */
const LEVEL = 3;
const HEAD = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  vary: "accept-encoding",
  // nginx would keep events back until there are many.
  "x-accel-buffering": "no",
  // The connection ends with the stream: nothing lingers when the gateway stops.
  connection: "close",
};

/** One client that reads events; compressed where it takes that, each event as soon as it is written. */
export class EventReader {
  readonly #response: ServerResponse;
  readonly #gzip: Gzip | null;

  constructor(response: ServerResponse, compressed: boolean) {
    this.#response = response;
    this.#gzip = compressed ? createGzip({ level: LEVEL }) : null;
    response.writeHead(200, compressed ? { ...HEAD, "content-encoding": "gzip" } : HEAD);
    response.on("error", () => this.drop());
    this.#gzip?.on("data", (bytes: Buffer) => response.write(bytes));
    this.#gzip?.once("end", () => response.end());
  }

  /** Bytes that it has not taken. */
  get unread(): number {
    return this.#response.writableLength + (this.#gzip?.writableLength ?? 0);
  }

  write(text: string): void {
    if (this.#gzip === null) {
      this.#response.write(text);
    } else {
      this.#gzip.write(text);
      this.#gzip.flush(constants.Z_SYNC_FLUSH);
    }
  }

  end(): void {
    if (this.#gzip === null) this.#response.end();
    else this.#gzip.end();
  }

  drop(): void {
    this.#gzip?.destroy();
    this.#response.destroy();
  }
}
