import { type AnswerReader, failedFinish, noFrames } from "./answer.ts";
import { errorText, type Frame, parseObject, readFrame, type Usage } from "./frame.ts";

/** No answer in one piece is larger. */
const MOST_BYTES = 64 << 20;

/** A response in one piece of JSON: an embedding, or a completion of a server that does not stream. */
export class WholeAnswer implements AnswerReader {
  readonly tokenTimes: readonly number[] = [];
  readonly frames = noFrames();
  readonly tokensFrom = "usage";
  readonly takenOverBy = null;
  usage: Usage | null = null;
  finishReason: string | null = null;
  errorText: string | null = null;
  lastPartAt: number | null = null;
  whole = false;
  failure: string | null = "incomplete_stream";
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  push(chunk: Buffer, at: number): void {
    this.lastPartAt = at;
    this.#bytes += chunk.length;
    if (this.#bytes <= MOST_BYTES) this.#chunks.push(Buffer.from(chunk));
  }

  get outputTokens(): number {
    return this.usage?.completionTokens ?? 0;
  }

  end(): void {
    const text = Buffer.concat(this.#chunks).toString();
    const body = this.#bytes > MOST_BYTES ? null : parseObject(text);
    if (body === null) {
      this.failure = "unreadable_body";
      this.errorText = text.slice(0, MOST_BYTES);
      return;
    }
    this.whole = true;
    this.errorText = errorText(body);
    const frame = readFrame(text);
    this.usage = frame.usage;
    this.finishReason = frame.finishReason;
    if (this.errorText !== null) this.failure = "error_body";
    else this.failure = failedFinish(this.finishReason) ?? (holdsAnswer(body, frame) ? null : "no_token");
  }
}

function holdsAnswer(body: Readonly<Record<string, unknown>>, frame: Frame): boolean {
  if (Array.isArray(body.data) && body.data.length > 0) return true;
  return frame.kind !== "none" && frame.kind !== "role" && frame.kind !== "empty";
}
