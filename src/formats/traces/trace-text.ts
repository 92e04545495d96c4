import { InputError } from "../../lib/errors.ts";
import { binaryHint, binaryKind } from "../binary-kind.ts";

/** So many bytes are seen before any is taken for text. */
const HEAD = 16;

/** What files begin with that are no text, and are not among those that other commands read. */
const OTHERS: readonly (readonly [magic: readonly number[], name: string])[] = [
  [[0x1f, 0x8b], "gzip inside gzip; expand it once"],
  [[0x28, 0xb5, 0x2f, 0xfd], "compressed by zstd; expand it, or compress it by gzip"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "compressed by xz; expand it, or compress it by gzip"],
  [[0x42, 0x5a, 0x68], "compressed by bzip2; expand it, or compress it by gzip"],
  [[0xff, 0xfe], "UTF-16; save it as UTF-8"],
  [[0xfe, 0xff], "UTF-16; save it as UTF-8"],
  [[0x50, 0x4b, 0x03, 0x04], "a zip archive; expand it"],
  [[0x50, 0x41, 0x52, 0x31], "a Parquet file; export it as CSV or as lines of JSON"],
];

/** The text of bytes that come in parts, cut anywhere. A byte order mark is dropped. */
export class TraceText {
  readonly #source: string;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  /** Null once the head is known to be text. */
  #head: number[] | null = [];

  constructor(source: string) {
    this.#source = source;
  }

  /** @throws InputError */
  push(bytes: Uint8Array): string {
    if (this.#head === null) return this.#decode(bytes, true);
    const taken = bytes.subarray(0, HEAD - this.#head.length);
    this.#head.push(...taken);
    if (this.#head.length < HEAD) return "";
    return this.#begin() + this.#decode(bytes.subarray(taken.length), true);
  }

  /** What is left. @throws InputError where a letter is cut */
  end(): string {
    const begin = this.#head === null ? "" : this.#begin();
    return begin + this.#decode(new Uint8Array(), false);
  }

  #begin(): string {
    const head = Uint8Array.from(this.#head ?? []);
    this.#head = null;
    for (const [magic, name] of OTHERS) {
      if (magic.every((byte, i) => head[i] === byte)) {
        throw new InputError(this.#source, "", `is no text but ${name}`);
      }
    }
    const kind = binaryKind(head);
    if (kind !== null) throw new InputError(this.#source, "", `is no text but ${binaryHint(kind)}`);
    if (head.includes(0)) throw new InputError(this.#source, "", "is no text; expected a trace");
    return this.#decode(head, true);
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.#utf8.decode(bytes, { stream });
    } catch {
      throw new InputError(this.#source, "", "is not UTF-8 text; save it as UTF-8");
    }
  }
}
