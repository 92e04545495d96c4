import { InputError } from "../../lib/errors.ts";
import { RecentMap } from "../../lib/recent-map.ts";
import { PREFIX_BLOCK_TOKENS } from "../../model/traffic.ts";
import {
  integerIn,
  isObject,
  type JsonObject,
  type NumberRule,
  parseJsonObject,
  readNumber,
  shown,
} from "../json.ts";
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
import { MOST_SESSIONS } from "./sessions.ts";

export const PLIMSOLL_TRACE = "plimsoll.trace/1";
const TURN = integerIn(1, 1 << 30);
const PRIORITY = integerIn(-(2 ** 31), 2 ** 31 - 1);
/** What the gateway is still recording. */
const BY_ENDS = "end";
const UNFINISHED = "the file is not finished, and in the order of answers; `replay merge` sorts it";
const NO_ANSWER = "had no answer (output_length 0)";

interface Session {
  readonly turn: number;
  /** When its last answer ended; NaN where that is not said. */
  readonly endedMs: number;
}

/**
 * Plimsoll's own traces (docs/traces.md): lines of JSON of `timestamp_ms`, `input_length`, `output_length` and, as far as
 * they are known, `tenant`, `priority`, `session`, `turn`, `think_ms`, `duration_ms`, `class`, `model`, `hash_ids`,
 * `block_size`, `prompt` or `messages` (also as those of a `body`). A first line `{"format": "plimsoll.trace/1"}` may say
 * the `block_size` of all. Other keys are ignored.
 */
export class PlimsollRows implements RowReader {
  readonly widestTickMs = 0;
  readonly timeUnit = null;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #counter: TokenCounter;
  readonly #order: TimeOrder;
  readonly #sessions = new RecentMap<string, Session>(MOST_SESSIONS);
  #blockTokens = PREFIX_BLOCK_TOKENS;
  #sort = "sort the lines by time";

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
    const hint = (last: number) => `is ${arrivalMs}, earlier than ${last} before it; ${this.#sort}`;
    this.#order.take(arrivalMs, `${where} timestamp_ms`, hint);
    if (row.row.output_length === 0) {
      this.leftOut.set(NO_ANSWER, (this.leftOut.get(NO_ANSWER) ?? 0) + 1);
      return [];
    }
    const outputTokens = readLength(row, "output_length");
    return [{ arrivalMs, ...this.#prompt(row), outputTokens, ...origin(row), ...this.#turn(row, arrivalMs) }];
  }

  #begin({ row, source, where }: JsonRow): void {
    if (row.format !== PLIMSOLL_TRACE) {
      const hint = `is ${shown(row.format)}; expected "${PLIMSOLL_TRACE}"`;
      throw new InputError(source, `${where} format`, hint);
    }
    if (row.order === BY_ENDS) this.#sort = UNFINISHED;
    if (row.block_size === undefined) return;
    this.#blockTokens = readNumber(row.block_size, BLOCK_SIZE, source, `${where} block_size`);
  }

  #prompt(row: JsonRow): Omit<TraceRow, "arrivalMs" | "outputTokens"> {
    const said = textOf(row);
    const { prompt = "", messages = [{ role: "user", content: prompt }] } = said ?? {};
    const counted = said !== null && row.row.input_length === undefined;
    const inputTokens = counted ? lengthOf(messages, this.#counter) : readLength(row, "input_length");
    return { inputTokens, ...readBlocks(row, this.#blockTokens), ...said };
  }

  /** Turns that are not numbered are counted; their think time follows from when the answer before ended. */
  #turn(row: JsonRow, arrivalMs: number): Pick<TraceRow, "session" | "turn" | "thinkMs"> {
    const session = readName(row, "session");
    if (session === undefined) return {};
    const before = this.#sessions.get(session);
    const turn = numberIfAny(row, "turn", TURN) ?? (before?.turn ?? 0) + 1;
    const lasted = isThere(row.row.duration_ms) ? readTime(row, "duration_ms") : Number.NaN;
    this.#sessions.set(session, { turn, endedMs: arrivalMs + lasted });
    const since = arrivalMs - (before?.endedMs ?? Number.NaN);
    const thinkMs = isThere(row.row.think_ms) ? readTime(row, "think_ms") : since;
    return { session, turn, ...(thinkMs > 0 ? { thinkMs } : {}) };
  }
}

/** The prompt itself, of the row or of its body; null where there is none. @throws InputError */
function textOf(row: JsonRow): Pick<TraceRow, "prompt" | "messages"> | null {
  for (const [place, name] of [
    [row.row, ""],
    [row.row.body, "body."],
  ] as const) {
    if (!isObject(place)) continue;
    if (isThere(place.messages)) return { messages: readMessages(row, place.messages, `${name}messages`) };
    if (typeof place.prompt === "string") return { prompt: place.prompt };
  }
  return null;
}

/** Whose request it is. @throws InputError */
function origin(row: JsonRow): Partial<TraceRow> {
  const names = {
    tenant: readName(row, "tenant"),
    trafficClass: readName(row, "class"),
    model: readName(row, "model"),
    priority: numberIfAny(row, "priority", PRIORITY),
  };
  return Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined));
}

function numberIfAny({ row, source, where }: JsonRow, name: string, rule: NumberRule): number | undefined {
  return isThere(row[name]) ? readNumber(row[name], rule, source, `${where} ${name}`) : undefined;
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isHeader(row: JsonObject): boolean {
  return row.format !== undefined && row.timestamp_ms === undefined;
}
