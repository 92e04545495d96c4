import { type AnswerReader, failedFinish, noFrames, type TokensFrom } from "./answer.ts";
import { EventStream } from "./event-stream.ts";
import { type FrameKind, readFrame, type Usage } from "./frame.ts";

const GENERATED: ReadonlySet<FrameKind> = new Set(["text", "reasoning", "tool"]);

/** What a comment of Plimsoll's begins with whose answer another shard goes on with. */
const TAKEN_OVER = "x-plimsoll-shard: ";

/** Receives how many tokens a frame has brought, by what is known then. */
export type OnTokens = (at: number, tokens: number, first: boolean) => void;

/** A completion as server-sent events. */
export class StreamedAnswer implements AnswerReader {
  readonly #onTokens: OnTokens;
  readonly #events = new EventStream(
    (type, data) => this.#event(type, data),
    (text) => this.#comment(text),
  );
  readonly tokenTimes: number[] = [];
  readonly frames = noFrames();
  usage: Usage | null = null;
  finishReason: string | null = null;
  errorText: string | null = null;
  lastPartAt: number | null = null;
  takenOverBy: string | null = null;
  #done = false;
  /** The body has ended: what cannot be read was cut off. */
  #ended = false;
  #cut = false;
  #tokenIds: number | null = null;
  #now = 0;

  constructor(onTokens: OnTokens) {
    this.#onTokens = onTokens;
  }

  push(chunk: Buffer, at: number): void {
    this.#now = at;
    this.#events.push(chunk);
  }

  end(): void {
    this.#ended = true;
    this.#events.end();
  }

  get whole(): boolean {
    return this.#done;
  }

  get outputTokens(): number {
    return this.usage?.completionTokens ?? this.#tokenIds ?? this.tokenTimes.length;
  }

  get tokensFrom(): TokensFrom {
    if (typeof this.usage?.completionTokens === "number") return "usage";
    return this.#tokenIds === null ? "frames" : "token_ids";
  }

  get failure(): string | null {
    if (this.errorText !== null) return "error_frame";
    const given = failedFinish(this.finishReason);
    if (given !== null) return given;
    if (this.#cut || !(this.#done || this.finishReason !== null)) return "incomplete_stream";
    // A model may end at once; then its server counts the token that said so.
    const generated = this.tokenTimes.length > 0 || (this.usage?.completionTokens ?? 0) > 0;
    return generated ? null : "no_token";
  }

  #comment(text: string): void {
    if (text.startsWith(TAKEN_OVER)) this.takenOverBy = text.slice(TAKEN_OVER.length);
  }

  #event(type: string, data: string): void {
    const { kind, tokenIds, usage, finishReason, done, error } = readFrame(data, type);
    this.frames[kind]++;
    if (done) {
      this.#done = true;
      return;
    }
    if (error !== null) {
      if (this.#ended) this.#cut = true;
      else this.errorText ??= error;
      return;
    }
    this.lastPartAt = this.#now;
    const before = this.outputTokens;
    if (tokenIds !== null) this.#tokenIds = (this.#tokenIds ?? 0) + tokenIds;
    if (usage !== null) this.usage = usage;
    this.finishReason = finishReason ?? this.finishReason;
    if (!GENERATED.has(kind)) return;
    this.tokenTimes.push(this.#now);
    this.#onTokens(this.#now, Math.max(0, this.outputTokens - before), this.tokenTimes.length === 1);
  }
}
