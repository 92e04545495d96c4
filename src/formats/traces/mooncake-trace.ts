import { InputError } from "../../lib/errors.ts";
import { RecentMap } from "../../lib/recent-map.ts";
import { MOST_REQUEST_TOKENS, PREFIX_BLOCK_TOKENS, type TraceMessage } from "../../model/traffic.ts";
import { parseJsonObject } from "../json.ts";
import { BlockFit } from "./block-fit.ts";
import {
  type JsonRow,
  lengthOf,
  readBlocks,
  readLength,
  readMessages,
  readName,
  readTime,
} from "./json-fields.ts";
import { type RowReader, TimeOrder, type TokenCounter, type TraceRow } from "./row-reader.ts";
import { MOST_MESSAGES, MOST_SESSIONS, sessionWeight } from "./sessions.ts";
import { MILLISECONDS, SECONDS, type TimeUnit } from "./time-doubt.ts";

/** What differs between files of the same keys. */
export interface MooncakeForm {
  readonly msPerUnit: TimeUnit;
  /** Tokens of a block of `hash_ids` where the row has no `block_size`. */
  readonly blockTokens: number;
}

/**
 * github.com/kvcache-ai/Mooncake, FAST25-release/traces: milliseconds, blocks of 512 tokens. The clock of some of them
 * (conversation, tool and agent) ticks about every 3 s; that of the synthetic one is exact.
 */
export const MOONCAKE: MooncakeForm = { msPerUnit: MILLISECONDS, blockTokens: PREFIX_BLOCK_TOKENS };
/** The dataset `timed_trace` of `vllm bench serve` without options (vllm/benchmarks/datasets): seconds, blocks of 16. */
export const TIMED_TRACE: MooncakeForm = { msPerUnit: SECONDS, blockTokens: 16 };

const TICK_MS = 3000;

interface Session {
  readonly turn: number;
  /** Of the prompt and the answer so far. */
  readonly tokens: number;
  /** Of its prompts; null where they are no text. */
  readonly messages: readonly TraceMessage[] | null;
  /** Of what is remembered of it. */
  readonly weight: number;
}

/** The prompt of a row, as far as it is new. */
type Prompt = Pick<TraceRow, "inputTokens" | "prefixBlocks" | "blockTokens" | "prompt" | "messages">;

/**
 * Lines of JSON: `timestamp`, `input_length`, `output_length` and, optionally, `hash_ids`. As aiperf's `mooncake_trace`
 * has it (github.com/ai-dynamo/aiperf, MooncakeTrace in src/aiperf/dataset/loader/models.py), a row may hold `text_input`
 * or `messages` instead of a length, and turns of a `session_id` may have a `delay` (ms after the answer before) instead
 * of a time. Such turns say what is new; what a session has said before is put in front of it.
 */
export class MooncakeRows implements RowReader {
  readonly widestTickMs = TICK_MS;
  readonly timeUnit: TimeUnit;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #form: MooncakeForm;
  readonly #counter: TokenCounter;
  readonly #blockTokens: number;
  readonly #fit: BlockFit;
  readonly #order: TimeOrder;
  readonly #sessions = new RecentMap<string, Session>(MOST_SESSIONS, ({ weight }) => weight);

  /** @param blockTokens of a block of `hash_ids` where the row has no `block_size`; the form's where it is missing */
  constructor(
    source: string,
    form: MooncakeForm,
    counter: TokenCounter,
    blockTokens: number = form.blockTokens,
  ) {
    this.#source = source;
    this.#form = form;
    this.timeUnit = form.msPerUnit;
    this.#blockTokens = blockTokens;
    this.#fit = new BlockFit(form.blockTokens, blockTokens);
    this.#counter = counter;
    this.#order = new TimeOrder(source);
  }

  doubts(): readonly string[] {
    return this.#fit.doubts();
  }

  read(text: string, where: string): readonly TraceRow[] {
    if (text.trim() === "") return [];
    const source = this.#source;
    const row: JsonRow = { row: parseJsonObject(text, source, where), source, where };
    const session = readName(row, "session_id");
    const before = session === undefined ? undefined : this.#sessions.get(session);
    const delayed = row.row.delay !== undefined && row.row.delay !== null;
    const arrivalMs = this.#time(row, before !== undefined || delayed);
    const prompt = this.#prompt(row);
    const outputTokens = readLength(row, "output_length");
    if (session === undefined) return [{ arrivalMs, ...prompt, outputTokens }];
    const thinkMs = delayed ? readTime(row, "delay") : 0;
    const whole = before === undefined ? prompt : continued(before, prompt);
    const turn = (before?.turn ?? 0) + 1;
    const messages = messagesAfter(whole, outputTokens);
    if (messages !== null && messages.length > MOST_MESSAGES) {
      const hint = `is of a conversation of more than ${MOST_MESSAGES} messages; expected no more`;
      throw new InputError(source, `${where} session_id`, hint);
    }
    const weight = sessionWeight(messages ?? []);
    this.#sessions.set(session, { turn, tokens: whole.inputTokens + outputTokens, messages, weight });
    return [{ arrivalMs, ...whole, outputTokens, session, turn, ...(thinkMs > 0 ? { thinkMs } : {}) }];
  }

  /** @param mayLack the row waits for the one before */
  #time(row: JsonRow, mayLack: boolean): number | null {
    const { timestamp } = row.row;
    if (timestamp === undefined && (mayLack || !this.#timed)) return null;
    const units = readTime(row, "timestamp");
    this.#timed = true;
    const hint = (last: number) =>
      `is ${units}, earlier than ${last / this.#form.msPerUnit} before it; sort the lines by time`;
    this.#order.take(units * this.#form.msPerUnit, `${row.where} timestamp`, hint);
    return units * this.#form.msPerUnit;
  }

  /** Whether a row has said a time: then all do. */
  #timed = false;

  #prompt(row: JsonRow): Prompt {
    const { text_input: text, messages, payload } = row.row;
    if (typeof text === "string") return { inputTokens: this.#count(text), prompt: text };
    if (messages !== undefined && messages !== null) {
      const read = readMessages(row, messages, "messages");
      return { inputTokens: lengthOf(read, this.#counter), messages: read };
    }
    if (payload !== undefined) {
      const hint = "is a whole body, which is not read; give messages, text_input or input_length";
      throw new InputError(this.#source, `${row.where} payload`, hint);
    }
    const inputTokens = readLength(row, "input_length");
    return { inputTokens, ...readBlocks(row, this.#blockTokens, this.#fit) };
  }

  #count(text: string): number {
    return Math.min(MOST_REQUEST_TOKENS, Math.max(1, this.#counter.count(text)));
  }
}

/** A turn with what its session has said before. Whole messages hold that already. */
function continued(before: Session, added: Prompt): Prompt {
  if (added.messages !== undefined) return added;
  const inputTokens = Math.min(MOST_REQUEST_TOKENS, before.tokens + added.inputTokens);
  if (added.prompt === undefined || before.messages === null) return { inputTokens };
  return { inputTokens, messages: [...before.messages, { role: "user", content: added.prompt }] };
}

function messagesAfter({ prompt, messages }: Prompt, answerTokens: number): readonly TraceMessage[] | null {
  const said = prompt === undefined ? messages : [{ role: "user", content: prompt }];
  return said === undefined ? null : [...said, { role: "assistant", content: null, tokens: answerTokens }];
}
