import { LONGEST_INPUT_BYTES } from "../../harness/fuzz/mutation.ts";

const NUMBER = 0;
const PARSER = 1;
const LENGTH = 2;
const HEAD = 3;
const HEAD_BYTES = HEAD * Int32Array.BYTES_PER_ELEMENT;

/** The input that a thread reads at the moment: another thread can say which it was that never ended. */
export class SharedInput {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory = new SharedArrayBuffer(HEAD_BYTES + LONGEST_INPUT_BYTES)) {
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, HEAD);
    this.#bytes = new Uint8Array(memory, HEAD_BYTES);
  }

  /** @param parser its number among all */
  put(parser: number, input: Uint8Array): void {
    const length = Math.min(input.length, this.#bytes.length);
    this.#bytes.set(input.subarray(0, length));
    this.#head[LENGTH] = length;
    this.#head[PARSER] = parser;
    Atomics.add(this.#head, NUMBER, 1);
  }

  /** Grows with every input, and wraps. */
  get number(): number {
    return Atomics.load(this.#head, NUMBER);
  }

  get parser(): number {
    return this.#head[PARSER];
  }

  get input(): Buffer {
    return Buffer.from(this.#bytes.slice(0, this.#head[LENGTH]));
  }
}
