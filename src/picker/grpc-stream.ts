import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { PickedRequest, type PickerParts, type ProxyStream } from "./picked-request.ts";
import { readProcessingRequest } from "./wire/processing-request.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Picks for the request of one `ext_proc` stream. */
export function process(parts: PickerParts, call: Call): void {
  const stream = new GrpcStream(call);
  const request = new PickedRequest(parts, stream);
  call.on("data", (bytes: Buffer) => {
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
  #ended = false;
  /** It has to read before it is read, and bodies of others have their turns. */
  #full = false;
  #waits = false;

  constructor(call: Call) {
    this.#call = call;
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
    this.#call.end();
    // What it still sends is dropped; its end has to be seen.
    this.#call.resume();
  }

  fail(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
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
