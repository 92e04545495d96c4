import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { PickedRequest, type PickerParts, type ProxyStream } from "./picked-request.ts";
import { readProcessingRequest } from "./wire/processing-request.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

/** How many streams there may be at once, and how long one may say nothing at first. */
export interface StreamLimits {
  readonly most: number;
  readonly silentMs: number;
}

/** The `ext_proc` streams of a picker. */
export class GrpcStreams {
  readonly #parts: PickerParts;
  readonly #limits: StreamLimits;
  #open = 0;

  constructor(parts: PickerParts, limits: StreamLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  begin(call: Call): void {
    if (this.#open >= this.#limits.most) {
      call.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "as many streams are open as may" });
      return;
    }
    this.#open++;
    let isOpen = true;
    pick(this.#parts, call, this.#limits.silentMs, () => {
      if (isOpen) this.#open--;
      isOpen = false;
    });
  }
}

/** Picks for the request of one stream. @param onOver nothing more is said on it; may be called again */
function pick(parts: PickerParts, call: Call, silentMs: number, onOver: () => void): void {
  const stream = new GrpcStream(call, onOver);
  const request = new PickedRequest(parts, stream);
  const silent = setTimeout(() => {
    request.cut();
    stream.fail("no message came in time");
  }, silentMs);
  call.once("close", () => {
    clearTimeout(silent);
    onOver();
  });
  call.on("data", (bytes: Buffer) => {
    clearTimeout(silent);
    let message: ReturnType<typeof readProcessingRequest>;
    try {
      message = readProcessingRequest(bytes);
    } catch {
      request.cut();
      return stream.fail("a message is no ProcessingRequest");
    }
    request.received(message);
  });
  call.on("end", () => request.ended());
  call.on("cancelled", () => request.cut());
  call.on("error", () => request.cut());
}

/** Messages to the proxy. One that does not read them is not read. */
class GrpcStream implements ProxyStream {
  readonly #call: Call;
  readonly #onOver: () => void;
  #ended = false;
  /** It has to read before it is read, and bodies of others have their turns. */
  #full = false;
  #waits = false;

  constructor(call: Call, onOver: () => void) {
    this.#call = call;
    this.#onOver = onOver;
  }

  send(message: Buffer): void {
    if (this.#ended || this.#call.cancelled || this.#call.write(message) || this.#full) return;
    this.#full = true;
    this.#call.pause();
    this.#call.once("drain", () => {
      this.#full = false;
      this.#goOn();
    });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onOver();
    this.#call.end();
    // What it still sends is dropped; its end has to be seen.
    this.#call.resume();
  }

  fail(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onOver();
    this.#call.emit("error", { code: status.FAILED_PRECONDITION, details: why });
  }

  pause(): void {
    this.#waits = true;
    this.#call.pause();
  }

  resume(): void {
    this.#waits = false;
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#full && !this.#waits) this.#call.resume();
  }
}
