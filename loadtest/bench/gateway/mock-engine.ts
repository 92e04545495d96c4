import { createServer, type AddressInfo, type Socket } from "node:net";
import type { Manner } from "./cells.ts";
import { type MessageHandler, MessageReader } from "./message-reader.ts";
import { COMPLETION, NOT_FOUND, PROBES, STREAM_CHUNKS, STREAM_HEAD } from "./mock-answers.ts";

/**
 * A process: an engine that answers at once with what never changes, on a port it tells its parent. How it answers
 * completions is what the parent said last; streams that run go on in the new manner too.
 */

let manner: Manner = { kind: "whole" };

class Connection implements MessageHandler {
  readonly #socket: Socket;
  #path = "";
  /** The next chunk of the stream that runs. */
  #next = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  head(startLine: string): void {
    this.#path = startLine.split(" ")[1];
  }

  body(): void {}

  end(): void {
    if (!this.#path.endsWith("/completions")) {
      this.#socket.write(PROBES[this.#path] ?? NOT_FOUND);
    } else if (manner.kind === "whole") {
      this.#socket.write(COMPLETION);
    } else {
      this.#socket.write(STREAM_HEAD);
      this.#next = 0;
      this.#writeChunk();
    }
  }

  /** One write for every chunk, as engines do. */
  readonly #writeChunk = (): void => {
    if (this.#socket.destroyed) return;
    const flushed = this.#socket.write(STREAM_CHUNKS[this.#next++]);
    if (this.#next === STREAM_CHUNKS.length) return;
    if (!flushed) this.#socket.once("drain", this.#writeChunk);
    else if (manner.kind !== "paced") setImmediate(this.#writeChunk);
    else if (manner.phase === "spread") setTimeout(this.#writeChunk, manner.ms);
    else atNextStep(manner.ms, this.#writeChunk);
  };
}

/** What is written in the engine's next step. */
let atStep: (() => void)[] = [];

/** The steps of all engines begin at the same times: multiples of so many milliseconds since 1970. */
function atNextStep(ms: number, write: () => void): void {
  atStep.push(write);
  if (atStep.length > 1) return;
  const step = (): void => {
    const writes = atStep;
    atStep = [];
    for (const one of writes) one();
  };
  setTimeout(step, ms - (Date.now() % ms));
}

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new MessageReader(new Connection(socket));
  socket.on("data", (bytes: Buffer) => {
    try {
      reader.push(bytes);
    } catch {
      // sglang-router first tries whether an engine speaks HTTP/2.
      socket.destroy();
    }
  });
  socket.on("error", () => socket.destroy());
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  process.send?.((server.address() as AddressInfo).port);
});

process.on("message", (told: Manner) => {
  manner = told;
  process.send?.("told");
});
process.on("disconnect", () => process.exit());
