import { RecentMap } from "../../lib/recent-map.ts";
import { BlockFit } from "./block-fit.ts";
import { integerIn, parseJsonObject, readNumber } from "../json.ts";
import { type JsonRow, readBlocks, readLength, readName, readTime } from "./json-fields.ts";
import { type RowReader, TimeOrder, type TraceRow } from "./row-reader.ts";
import { MOST_SESSIONS } from "./sessions.ts";
import { SECONDS } from "./time-doubt.ts";

export const BAILIAN_BLOCK_TOKENS = 16;
const MS_PER_SECOND = 1000;
const CHAT = integerIn(-1, Number.MAX_SAFE_INTEGER);
const TURN = integerIn(1, 1 << 30);
/** Chats are remembered longer than sessions: people take hours to go on. */
const MOST_CHATS = 4 * MOST_SESSIONS;

/**
 * Qwen-Bailian's traces: lines of JSON of `chat_id`, `parent_chat_id` (−1 for none), `timestamp` (seconds),
 * `input_length`, `output_length`, `type`, `turn` and `hash_ids` (blocks of 16 tokens)
 * (github.com/alibaba-edu/qwen-bailian-usagetraces-anon, README, "Data Specification"). Chats that begin with the same
 * one are a session, by the first one's id.
 */
export class BailianRows implements RowReader {
  readonly widestTickMs = 0;
  readonly timeUnit = SECONDS;
  readonly leftOut = new Map<string, number>();
  readonly #source: string;
  readonly #order: TimeOrder;
  readonly #firstOf = new RecentMap<number, number>(MOST_CHATS);
  readonly #blockTokens: number;
  readonly #fit: BlockFit;

  /** @param blockTokens of a block of `hash_ids` */
  constructor(source: string, blockTokens: number = BAILIAN_BLOCK_TOKENS) {
    this.#source = source;
    this.#blockTokens = blockTokens;
    this.#fit = new BlockFit(BAILIAN_BLOCK_TOKENS, blockTokens);
    this.#order = new TimeOrder(source);
  }

  doubts(): readonly string[] {
    return this.#fit.doubts();
  }

  read(text: string, where: string): readonly TraceRow[] {
    if (text.trim() === "") return [];
    const source = this.#source;
    const row: JsonRow = { row: parseJsonObject(text, source, where), source, where };
    const seconds = readTime(row, "timestamp");
    const hint = (last: number) =>
      `is ${seconds}, earlier than ${last / MS_PER_SECOND} before it; sort the lines by time`;
    this.#order.take(seconds * MS_PER_SECOND, `${where} timestamp`, hint);
    const chat = readNumber(row.row.chat_id, CHAT, source, `${where} chat_id`);
    const parent = readNumber(row.row.parent_chat_id ?? -1, CHAT, source, `${where} parent_chat_id`);
    const turn = readNumber(row.row.turn ?? 1, TURN, source, `${where} turn`);
    const trafficClass = readName(row, "type");
    const request = {
      arrivalMs: seconds * MS_PER_SECOND,
      inputTokens: readLength(row, "input_length"),
      outputTokens: readLength(row, "output_length"),
      ...readBlocks(row, this.#blockTokens, this.#fit),
      turn,
      ...(trafficClass === undefined ? {} : { trafficClass }),
    };
    const first = parent < 0 ? chat : (this.#firstOf.get(parent) ?? parent);
    this.#firstOf.set(chat, first);
    return [{ ...request, session: String(first) }];
  }
}
