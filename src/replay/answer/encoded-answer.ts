import { brotliDecompressSync, inflateSync, unzipSync, zstdDecompressSync } from "node:zlib";
import { type AnswerReader, noFrames } from "./answer.ts";

const MOST_BYTES = { maxOutputLength: 1 << 16 };

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => unzipSync(bytes, MOST_BYTES),
  "x-gzip": (bytes) => unzipSync(bytes, MOST_BYTES),
  deflate: (bytes) => inflateSync(bytes, MOST_BYTES),
  br: (bytes) => brotliDecompressSync(bytes, MOST_BYTES),
  zstd: (bytes) => zstdDecompressSync(bytes, MOST_BYTES),
};

/** The text of a short body. @param encoding HTTP's; null where it is not compressed */
export function decodedText(bytes: Buffer, encoding: string | null): string {
  const decode = encoding === null ? undefined : DECODERS[encoding];
  try {
    return (decode?.(bytes) ?? bytes).toString();
  } catch {
    return `(${bytes.length} bytes of ${encoding})`;
  }
}

/** An answer that is compressed, though nobody asked for that: its tokens' times would be the compressor's. */
export class EncodedAnswer implements AnswerReader {
  readonly tokenTimes: readonly number[] = [];
  readonly frames = noFrames();
  readonly id = null;
  readonly usage = null;
  readonly outputTokens = 0;
  readonly tokensFrom = "frames";
  readonly finishReason = null;
  readonly takenOverBy = null;
  readonly whole = false;
  readonly failure = "encoded_body";
  readonly errorText: string;
  lastPartAt: number | null = null;

  constructor(encoding: string) {
    this.errorText = `is compressed (content-encoding: ${encoding}), although accept-encoding: identity was sent`;
  }

  push(_: Buffer, at: number): void {
    this.lastPartAt = at;
  }

  end(): void {}
}
