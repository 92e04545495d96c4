import { Duplex } from "node:stream";
import type { OnRead } from "../../src/engines/http/connector.ts";

/** A connection without a network: a test says what arrives on it, and when. What is written to it is dropped. */
export class FedSocket extends Duplex {
  readonly #onread: OnRead | null;
  /** What has arrived and was not read, where it goes to `onread`. */
  readonly #arrived: Buffer[] = [];
  #reading = true;
  #ended = false;

  /** @param onread where what arrives goes first, as with `net.connect`; null for the stream itself */
  constructor(onread: OnRead | null) {
    super();
    this.#onread = onread;
  }

  arrives(bytes: Buffer): void {
    if (this.destroyed) return;
    if (this.#onread === null) this.push(bytes);
    else {
      const { length } = this.#onread.buffer;
      for (let at = 0; at < bytes.length; at += length) this.#arrived.push(bytes.subarray(at, at + length));
      this.#readOn();
    }
  }

  /** The other side sends no more. */
  ends(): void {
    this.#ended = true;
    this.#readOn();
  }

  override read(size?: number): Buffer | null {
    this.#reading = true;
    this.#readOn();
    return super.read(size) as Buffer | null;
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  override _final(done: () => void): void {
    done();
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #readOn(): void {
    while (this.#onread !== null && this.#reading && !this.destroyed) {
      const bytes = this.#arrived.shift();
      if (bytes === undefined) break;
      this.#onread.buffer.set(bytes);
      this.#reading = this.#onread.callback(bytes.length, this.#onread.buffer);
    }
    if (!this.#ended || !this.#reading || this.#arrived.length > 0 || this.destroyed) return;
    this.#ended = false;
    this.push(null);
  }
}
