import { type AnswerReader, noFrames, type TextCounter, type TokensFrom } from "./answer.ts";
import { EventStream } from "./event-stream.ts";
import { failedFinish } from "./finish-reason.ts";
import { type Frame, type FrameKind, readFrame } from "./frame.ts";
import { parseObject } from "./json-object.ts";
import { OtherLines } from "./other-lines.ts";
import { mergedUsage, type Usage } from "./usage.ts";
import { WholeAnswer } from "./whole-answer.ts";

const GENERATED: ReadonlySet<FrameKind> = new Set(["text", "reasoning", "tool"]);

/** What a comment of Plimsoll's begins with whose answer another shard goes on with. */
const TAKEN_OVER = "x-plimsoll-shard: ";

/** Receives how many tokens a frame has brought, by what is known then. */
export type OnTokens = (at: number, tokens: number, first: boolean) => void;

/** A completion as server-sent events. */
export class StreamedAnswer implements AnswerReader {
  readonly #onTokens: OnTokens;
  readonly #counter: TextCounter | null;
  readonly #events = new EventStream(
    (type, data) => this.#event(type, data),
    (text) => this.#comment(text),
    (line) => this.#otherLine(line),
  );
  readonly #otherLines = new OtherLines();
  readonly tokenTimes: number[] = [];
  readonly frames = noFrames();
  id: string | null = null;
  usage: Usage | null = null;
  finishReason: string | null = null;
  errorText: string | null = null;
  lastPartAt: number | null = null;
  takenOverBy: string | null = null;
  #done = false;
  /** The body has ended: what cannot be read was cut off. */
  #ended = false;
  #cut = false;
  #failed = false;
  #tokenIds: number | null = null;
  /** Frames with tokens since the server last counted. */
  #uncounted = 0;
  /** What was generated, where somebody counts it. */
  #text = "";
  /** By the counter, once it was asked. */
  #textTokens: number | null = null;
  #lastChoice = 0;
  /** Of several, the choices that have ended. */
  readonly #endedChoices = new Set<number>();
  /** The body was no stream but JSON. */
  #whole: WholeAnswer | null = null;
  #now = 0;

  /** @param counter counts tokens where neither the server nor its frames do */
  constructor(onTokens: OnTokens, counter: TextCounter | null = null) {
    this.#onTokens = onTokens;
    this.#counter = counter;
  }

  push(chunk: Buffer, at: number): void {
    this.#now = at;
    this.#events.push(chunk);
  }

  end(): void {
    this.#ended = true;
    this.#events.end();
    const others = this.#otherLines.text;
    if (others === null || this.#failed) return;
    if (!this.#hasBegun()) this.#takeWhole(others);
    else if (this.failure !== null) this.errorText = others;
  }

  get whole(): boolean {
    return this.#done || this.#whole?.whole === true;
  }

  get outputTokens(): number {
    switch (this.tokensFrom) {
      case "usage":
        return this.#whole?.outputTokens ?? this.usage?.completionTokens ?? 0;
      case "token_ids":
        return this.#tokenIds ?? 0;
      case "tokenizer":
        return this.#byCounter();
      case "frames":
        return Math.max(this.tokenTimes.length, (this.usage?.completionTokens ?? 0) + this.#uncounted);
    }
  }

  get tokensFrom(): TokensFrom {
    if (this.#whole !== null) return this.#whole.tokensFrom;
    const said = this.usage?.completionTokens ?? null;
    // A count before the last tokens, or of none where some came, is no count of all.
    if (said !== null && this.#uncounted === 0 && (said > 0 || this.tokenTimes.length === 0)) return "usage";
    if (this.#tokenIds !== null) return "token_ids";
    return this.#ended && this.#counter !== null && this.#text !== "" ? "tokenizer" : "frames";
  }

  get failure(): string | null {
    if (this.#whole !== null) return this.#whole.failure;
    if (this.#failed) return "error_frame";
    const given = failedFinish(this.finishReason);
    if (given !== null) return given;
    if (this.#cut || !(this.#done || this.#allFinished())) return "incomplete_stream";
    // A model may end at once; then its server counts the token that said so.
    const generated = this.tokenTimes.length > 0 || (this.usage?.completionTokens ?? 0) > 0;
    return generated ? null : "no_token";
  }

  #allFinished(): boolean {
    return (
      this.finishReason !== null && (this.#lastChoice === 0 || this.#endedChoices.size > this.#lastChoice)
    );
  }

  #byCounter(): number {
    this.#textTokens ??= this.#counter?.(this.#text) ?? 0;
    return this.#textTokens;
  }

  #takeWhole(text: string): void {
    const whole = new WholeAnswer(this.#counter);
    whole.push(Buffer.from(text), this.#now);
    whole.end();
    this.#whole = whole;
    this.id = whole.id;
    this.usage = whole.usage;
    this.finishReason = whole.finishReason;
    this.errorText = whole.errorText;
    this.lastPartAt = whole.lastPartAt;
  }

  #comment(text: string): void {
    if (text.startsWith(TAKEN_OVER)) this.takenOverBy = text.slice(TAKEN_OVER.length);
  }

  #otherLine(line: string): void {
    const error = this.#otherLines.add(line);
    if (error !== null && this.#hasBegun()) this.#fail(error);
  }

  #hasBegun(): boolean {
    return Object.values(this.frames).some((count) => count > 0);
  }

  #fail(error: string): void {
    this.#failed = true;
    this.errorText ??= error;
  }

  #event(type: string, data: string): void {
    const frame = readFrame(data, type);
    this.frames[frame.kind]++;
    if (frame.done) {
      this.#done = true;
      return;
    }
    if (frame.error !== null) {
      if (this.#ended && type !== "error" && parseObject(data) === null) this.#cut = true;
      else this.#fail(frame.error);
      return;
    }
    this.lastPartAt = this.#now;
    if (frame.id !== undefined) this.id ??= frame.id;
    this.#endChoices(frame);
    const { kind, tokenIds, usage } = frame;
    const generated = GENERATED.has(kind);
    const before = generated ? this.outputTokens : 0;
    if (tokenIds !== null) this.#tokenIds = (this.#tokenIds ?? 0) + tokenIds;
    if (generated) {
      this.tokenTimes.push(this.#now);
      this.#uncounted++;
      if (this.#counter !== null) this.#text += frame.text ?? "";
    }
    if (usage !== null) {
      this.usage = mergedUsage(this.usage, usage);
      if (usage.completionTokens !== null) this.#uncounted = 0;
    }
    if (!generated) return;
    this.#onTokens(this.#now, Math.max(0, this.outputTokens - before), this.tokenTimes.length === 1);
  }

  /** One choice that was given up is not made good by another. */
  #endChoices({ finishReason, finishText, lastChoice = 0, ended }: Frame): void {
    if (lastChoice > this.#lastChoice) this.#lastChoice = lastChoice;
    if (finishReason === null) return;
    if (finishText !== undefined) this.errorText ??= finishText;
    for (const choice of ended ?? [lastChoice]) this.#endedChoices.add(choice);
    if (failedFinish(this.finishReason) === null) this.finishReason = finishReason;
  }
}
