import { InputError } from "../../lib/errors.ts";
import { PREFIX_BLOCK_TOKENS } from "../../model/traffic.ts";
import { integerIn, type JsonObject, parseJsonObject, readNumber, shown } from "../json.ts";
import {
  BLOCK_SIZE,
  type JsonRow,
  lengthOf,
  readBlocks,
  readLength,
  readMessages,
  readName,
  readTime,
} from "./json-fields.ts";
import { type RowReader, TimeOrder, type TokenCounter, type TraceRow } from "./row-reader.ts";

export const PLIMSOLL_TRACE = "plimsoll.trace/1";
const TURN = integerIn(1, 1 << 30);
const PRIORITY = integerIn(-(2 ** 31), 2 ** 31 - 1);

/**
 * Plimsoll's own traces (docs/traces.md): lines of JSON of `timestamp_ms`, `input_length`, `output_length` and, as far as
 * they are known, `tenant`, `priority`, `session`, `turn`, `think_ms`, `class`, `model`, `hash_ids`, `block_size`,
 * `prompt` or `messages`. A first line `{"format": "plimsoll.trace/1"}` may say the `block_size` of all. Other keys are
 * ignored.
 */
export class PlimsollRows implements RowReader {
  readonly widestTickMs = 0;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #counter: TokenCounter;
  readonly #order: TimeOrder;
  #blockTokens = PREFIX_BLOCK_TOKENS;

  constructor(source: string, counter: TokenCounter) {
    this.#source = source;
    this.#counter = counter;
    this.#order = new TimeOrder(source);
  }

  read(text: string, where: string): readonly TraceRow[] {
    if (text.trim() === "") return [];
    const source = this.#source;
    const row: JsonRow = { row: parseJsonObject(text, source, where), source, where };
    if (isHeader(row.row)) {
      this.#begin(row);
      return [];
    }
    const arrivalMs = readTime(row, "timestamp_ms");
    const hint = (last: number) => `is ${arrivalMs}, earlier than ${last} before it; sort the lines by time`;
    this.#order.take(arrivalMs, `${where} timestamp_ms`, hint);
    return [
      { arrivalMs, ...this.#prompt(row), outputTokens: readLength(row, "output_length"), ...origin(row) },
    ];
  }

  #begin({ row, source, where }: JsonRow): void {
    if (row.format !== PLIMSOLL_TRACE) {
      throw new InputError(
        source,
        `${where} format`,
        `is ${shown(row.format)}; expected "${PLIMSOLL_TRACE}"`,
      );
    }
    if (row.block_size === undefined) return;
    this.#blockTokens = readNumber(row.block_size, BLOCK_SIZE, source, `${where} block_size`);
  }

  #prompt(
    row: JsonRow,
  ): Pick<TraceRow, "inputTokens" | "prefixBlocks" | "blockTokens" | "prompt" | "messages"> {
    const { prompt, messages, input_length: length } = row.row;
    const text = typeof prompt === "string" ? { prompt } : {};
    const said =
      messages === undefined || messages === null
        ? text
        : { messages: readMessages(row, messages, "messages") };
    const content = "messages" in said ? said.messages : [{ role: "user", content: text.prompt ?? "" }];
    const counted = length === undefined && Object.keys(said).length > 0;
    const inputTokens = counted ? lengthOf(content, this.#counter) : readLength(row, "input_length");
    return { inputTokens, ...readBlocks(row, this.#blockTokens), ...said };
  }
}

/** Whose request it is, and where in a conversation. @throws InputError */
function origin(row: JsonRow): Partial<TraceRow> {
  const { turn, think_ms: think, priority } = row.row;
  const number = (value: unknown, rule: typeof TURN, name: string) =>
    readNumber(value, rule, row.source, `${row.where} ${name}`);
  const session = readName(row, "session");
  const names = {
    tenant: readName(row, "tenant"),
    session,
    trafficClass: readName(row, "class"),
    model: readName(row, "model"),
  };
  const known = Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined));
  return {
    ...known,
    ...(isThere(priority) ? { priority: number(priority, PRIORITY, "priority") } : {}),
    ...(isThere(turn) ? { turn: number(turn, TURN, "turn") } : {}),
    ...(isThere(think) ? { thinkMs: readTime(row, "think_ms") } : {}),
  };
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isHeader(row: JsonObject): boolean {
  return row.format !== undefined && row.timestamp_ms === undefined;
}
