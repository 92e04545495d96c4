const NAME = Buffer.from('"id"');
const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** The id is at the beginning of an answer, or of its first event. */
const LOOKED_AT_BYTES = 16 << 10;

/** Finds the id of a stored response in the first bytes of an answer, streamed or not: the first field named `id`. */
export class ResponseId {
  readonly #onFound: (id: string) => void;
  #seen: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(onFound: (id: string) => void) {
    this.#onFound = onFound;
  }

  take(chunk: Buffer): void {
    if (this.#over) return;
    const space = LOOKED_AT_BYTES - this.#seen.length;
    this.#seen = Buffer.concat([this.#seen, chunk.subarray(0, space)]);
    const id = idIn(this.#seen);
    this.#over = id !== null || this.#seen.length === LOOKED_AT_BYTES;
    if (id !== null) this.#onFound(id);
    if (this.#over) this.#seen = NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);

function idIn(bytes: Buffer): string | null {
  for (let at = bytes.indexOf(NAME); at >= 0; at = bytes.indexOf(NAME, at + 1)) {
    let start = pastSpace(bytes, at + NAME.length);
    if (bytes[start] !== COLON) continue;
    start = pastSpace(bytes, start + 1);
    if (bytes[start] !== QUOTE) continue;
    const end = bytes.indexOf(QUOTE, start + 1);
    if (end < 0) return null;
    if (bytes[end - 1] !== BACKSLASH) return bytes.toString("utf8", start + 1, end);
  }
  return null;
}

function pastSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] <= SPACE) at++;
  return at;
}
