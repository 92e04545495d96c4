import { type AnswerReader, noFrames, type TextCounter, type TokensFrom } from "./answer.ts";
import { failedFinish } from "./finish-reason.ts";
import { type Frame, frameOf } from "./frame.ts";
import { holds, type Json, object, parseObject } from "./json-object.ts";
import type { Usage } from "./usage.ts";

/** No answer in one piece is larger. */
const MOST_BYTES = 64 << 20;
/** Letters of one that cannot be read that are kept. */
const MOST_LETTERS = 1 << 16;

/** A response in one piece of JSON: an embedding, or a completion of a server that does not stream. */
export class WholeAnswer implements AnswerReader {
  readonly #counter: TextCounter | null;
  readonly tokenTimes: readonly number[] = [];
  readonly frames = noFrames();
  readonly takenOverBy = null;
  id: string | null = null;
  usage: Usage | null = null;
  outputTokens = 0;
  tokensFrom: TokensFrom = "usage";
  finishReason: string | null = null;
  errorText: string | null = null;
  lastPartAt: number | null = null;
  whole = false;
  failure: string | null = "incomplete_stream";
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(counter: TextCounter | null = null) {
    this.#counter = counter;
  }

  push(chunk: Buffer, at: number): void {
    this.lastPartAt = at;
    this.#bytes += chunk.length;
    if (this.#bytes <= MOST_BYTES) this.#chunks.push(Buffer.from(chunk));
  }

  end(): void {
    const text = Buffer.concat(this.#chunks).toString();
    const body = this.#bytes > MOST_BYTES ? null : parseObject(text);
    if (body === null) {
      this.failure = "unreadable_body";
      this.errorText = text === "" ? null : text.slice(0, MOST_LETTERS);
      return;
    }
    this.whole = true;
    const frame = frameOf(body);
    this.#take(frame);
    // A model may end at once; then its server counts the token that said so.
    const isAnswer = holdsAnswer(body, frame) || this.outputTokens > 0;
    if (frame.error !== null) this.failure = "error_body";
    else this.failure = failedFinish(this.finishReason) ?? (isAnswer ? null : "no_token");
  }

  #take(frame: Frame): void {
    const { usage, text = "", kind } = frame;
    this.id = frame.id ?? null;
    this.errorText = frame.error ?? frame.finishText ?? null;
    this.usage = usage;
    this.finishReason = frame.finishReason;
    const isText = GENERATED.has(kind);
    if (!isText || (usage?.completionTokens ?? 0) > 0) this.outputTokens = usage?.completionTokens ?? 0;
    else {
      this.outputTokens = this.#counter?.(text) ?? 1;
      this.tokensFrom = this.#counter === null ? "frames" : "tokenizer";
    }
  }
}

const GENERATED: ReadonlySet<string> = new Set(["text", "reasoning", "tool"]);

function holdsAnswer({ data }: Json, { kind }: Frame): boolean {
  if (GENERATED.has(kind)) return true;
  return Array.isArray(data) && data.length > 0 && data.every((one) => holds(object(one)?.embedding ?? one));
}
