import { InputError } from "../../lib/errors.ts";
import type { TraceMessage } from "../../model/traffic.ts";
import { isObject, parseJsonObject, shown } from "../json.ts";
import { lengthOf } from "./json-fields.ts";
import type { RowReader, TokenCounter, TraceRow } from "./row-reader.ts";
import { MOST_MESSAGES } from "./sessions.ts";

/** Who speaks, by the words of ShareGPT's files, as the API calls them. */
const ROLES: Readonly<Record<string, string>> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  assistant: "assistant",
  bing: "assistant",
  bard: "assistant",
  system: "system",
};
const NO_PAIR = "hold no question with an answer";

/**
 * ShareGPT's conversations: a list in JSON, or lines of JSON, of `{"id", "conversations": [{"from", "value"}, …]}`, or of `{"role", "content"}` in their place
 * (ShareGPT_V3_unfiltered_cleaned_split.json, which `vllm bench serve` and aiperf take). Every question with an answer is
 * a request, and a turn of its conversation: its prompt is all that was said before, its length that of the answer. The
 * files say no times.
 */
export class SharegptRows implements RowReader {
  readonly widestTickMs = 0;
  readonly timeUnit = null;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #counter: TokenCounter;
  #entries = 0;

  constructor(source: string, counter: TokenCounter) {
    this.#source = source;
    this.#counter = counter;
  }

  read(text: string, where: string): readonly TraceRow[] {
    if (text.trim() === "") return [];
    const row = parseJsonObject(text, this.#source, where);
    const { conversations, id } = row;
    if (!Array.isArray(conversations)) {
      const hint = `is ${shown(conversations)}; expected a list of {"from", "value"}`;
      throw new InputError(this.#source, `${where} conversations`, hint);
    }
    if (conversations.length > MOST_MESSAGES) {
      const hint = `has ${conversations.length} messages; expected at most ${MOST_MESSAGES}`;
      throw new InputError(this.#source, `${where} conversations`, hint);
    }
    const messages = conversations.map((one: unknown, i) =>
      this.#message(one, `${where} conversations[${i}]`),
    );
    this.#entries++;
    const session = typeof id === "string" && id !== "" ? id : `conversation-${this.#entries}`;
    const turns = this.#turns(messages, session);
    if (turns.length === 0) this.leftOut.set(NO_PAIR, (this.leftOut.get(NO_PAIR) ?? 0) + 1);
    return turns;
  }

  #message(one: unknown, field: string): TraceMessage {
    const said = isObject(one) ? one : {};
    const { from = said.role, value = said.content } = said;
    if (typeof from === "string" && typeof value === "string") {
      return { role: ROLES[from.toLowerCase()] ?? "user", content: value };
    }
    throw new InputError(this.#source, field, 'is not of the form {"from", "value"}; expected two texts');
  }

  /** An answer before any question, with which many entries begin, belongs to nobody's prompt. */
  #turns(messages: readonly TraceMessage[], session: string): TraceRow[] {
    const first = messages.findIndex(({ role }) => role === "user");
    const opening = messages.slice(0, Math.max(0, first)).filter(({ role }) => role === "system");
    const said = first < 0 ? [] : [...opening, ...messages.slice(first)];
    const turns: TraceRow[] = [];
    let tokens = 0;
    for (const [i, message] of said.entries()) {
      const length = lengthOf([message], this.#counter);
      if (message.role === "assistant" && said[i - 1]?.role === "user") {
        turns.push({
          arrivalMs: null,
          inputTokens: tokens,
          outputTokens: length,
          messages: said.slice(0, i),
          session,
          turn: turns.length + 1,
        });
      }
      tokens += length;
    }
    return turns;
  }
}
