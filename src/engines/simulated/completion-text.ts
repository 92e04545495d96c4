import type { CompletionRequest } from "./completion-request.ts";

const WORDS = "the load line of a ship marks how deep it may lie in the water and still be safe at sea".split(
  " ",
);

/** The text of one completion in the OpenAI wire format: whole or frame by frame. One word is one token. */
export class CompletionText {
  readonly #request: CompletionRequest;
  readonly #id: string;
  /** Seconds since 1970. */
  readonly #created: number;
  readonly #finishReason: "length" | "stop";
  readonly #words: string[] = [];

  constructor(request: CompletionRequest, id: string, created: number, finishReason: "length" | "stop") {
    this.#request = request;
    this.#id = id;
    this.#created = created;
    this.#finishReason = finishReason;
  }

  /** The next token as a server-sent event. The last one brings the finish reason, usage if asked for, and [DONE]. */
  frame(last: boolean): string {
    const text = this.#next();
    const first = this.#words.length === 1;
    let frames = this.#event(first ? { role: "assistant", content: text } : { content: text }, text, null);
    if (!last) return frames;
    frames += this.#event({}, "", this.#finishReason);
    if (this.#request.includeUsage)
      frames += event({ ...this.#commonFields(true), choices: [], usage: this.#usage() });
    return `${frames}data: [DONE]\n\n`;
  }

  /** Adds the next token of a completion that is sent whole. */
  add(): void {
    this.#next();
  }

  whole(): string {
    const text = this.#words.join("");
    const choice = this.#request.chat
      ? {
          index: 0,
          message: { role: "assistant", content: text },
          logprobs: null,
          finish_reason: this.#finishReason,
        }
      : { index: 0, text, logprobs: null, finish_reason: this.#finishReason };
    return JSON.stringify({ ...this.#commonFields(false), choices: [choice], usage: this.#usage() });
  }

  #next(): string {
    const count = this.#words.length;
    const word = `${count === 0 ? "" : " "}${WORDS[count % WORDS.length]}`;
    this.#words.push(word);
    return word;
  }

  #event(delta: object, text: string, finishReason: string | null): string {
    const choice = this.#request.chat
      ? { index: 0, delta, logprobs: null, finish_reason: finishReason }
      : { index: 0, text, logprobs: null, finish_reason: finishReason };
    return event({ ...this.#commonFields(true), choices: [choice] });
  }

  #commonFields(chunk: boolean): object {
    const object = this.#request.chat ? `chat.completion${chunk ? ".chunk" : ""}` : "text_completion";
    return { id: this.#id, object, created: this.#created, model: this.#request.model };
  }

  #usage(): object {
    const prompt = this.#request.inputTokens;
    const completion = this.#words.length;
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
