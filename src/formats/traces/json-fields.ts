import { InputError } from "../../lib/errors.ts";
import { MOST_REQUEST_TOKENS, PREFIX_BLOCK_TOKENS, type TraceMessage } from "../../model/traffic.ts";
import { integerIn, isObject, type JsonObject, type NumberRule, readNumber, shown } from "../json.ts";
import type { BlockFit } from "./block-fit.ts";
import { TimeError, type TokenCounter, type TraceRow } from "./row-reader.ts";

const TOKENS = integerIn(1, MOST_REQUEST_TOKENS);
const BLOCK = integerIn(0, Number.MAX_SAFE_INTEGER);
/** Several times the largest of engines: a longer one would stand for many of 512. */
export const BLOCK_SIZE = integerIn(1, 4096);
/** More would be no time: 2^53 ms are 285,000 years. */
const TIME: NumberRule = {
  holds: (value) => typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER,
  expected: "a finite number ≥ 0 (and below 2^53)",
};

/** A row of a JSON trace, and what messages call it. */
export interface JsonRow {
  readonly row: JsonObject;
  readonly source: string;
  readonly where: string;
}

/**
 * A time, or a length of time.
 * @throws TimeError where it is missing or negative, InputError where it is no time at all
 */
export function readTime({ row, source, where }: JsonRow, name: string): number {
  const value = row[name];
  const missing = value === undefined || value === null || (typeof value === "number" && value < 0);
  if (!missing) return readNumber(value, TIME, source, `${where} ${name}`);
  const said = value === null ? "null" : shown(value);
  throw new TimeError(source, `${where} ${name}`, `is ${said}; expected ${TIME.expected}`);
}

/** @throws InputError */
export function readLength({ row, source, where }: JsonRow, name: string): number {
  return readNumber(row[name], TOKENS, source, `${where} ${name}`);
}

/**
 * @param usual tokens of a block where the row does not say
 * @param fit   looks at whether they are as many as its `input_length` makes
 * @throws InputError
 */
export function readBlocks(
  { row, source, where }: JsonRow,
  usual: number,
  fit: BlockFit | null = null,
): Pick<TraceRow, "prefixBlocks" | "blockTokens"> {
  const ids = row.hash_ids;
  if (ids === undefined || ids === null) return {};
  if (!Array.isArray(ids) || !ids.every(BLOCK.holds)) {
    throw new InputError(source, `${where} hash_ids`, "is not a list of block ids; expected integers ≥ 0");
  }
  const size =
    row.block_size === undefined
      ? usual
      : readNumber(row.block_size, BLOCK_SIZE, source, `${where} block_size`);
  if (typeof row.input_length === "number") fit?.add(ids.length, row.input_length, size, where);
  return { prefixBlocks: ids, ...(size === PREFIX_BLOCK_TOKENS ? {} : { blockTokens: size }) };
}

/** A name, also one that is a number. @throws InputError */
export function readName({ row, source, where }: JsonRow, name: string): string | undefined {
  const value = row[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  throw new InputError(source, `${where} ${name}`, `is ${shown(value)}; expected a name or a number`);
}

/**
 * Messages as chat completions have them; of content in parts, the text.
 * @throws InputError
 */
export function readMessages(
  { source, where }: JsonRow,
  value: unknown,
  name: string,
): readonly TraceMessage[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(source, `${where} ${name}`, `is ${shown(value)}; expected a list of messages`);
  }
  return value.map((message: unknown, i) => {
    const field = `${where} ${name}[${i}]`;
    const { role, content } = isObject(message) ? message : {};
    if (typeof role !== "string") {
      throw new InputError(source, field, "has no role; expected a role and its content");
    }
    const text = textOf(content);
    if (text === null) throw new InputError(source, field, "has no text; expected a role and its content");
    return { role, content: text };
  });
}

function textOf(content: unknown): string | null {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return null;
  const texts = content.flatMap((part: unknown) =>
    isObject(part) && typeof part.text === "string" ? [part.text] : [],
  );
  return texts.length === 0 ? null : texts.join("\n");
}

/** Tokens of all messages, at least one. */
export function lengthOf(messages: readonly TraceMessage[], counter: TokenCounter): number {
  let tokens = 0;
  for (const { content, tokens: said = 0 } of messages) {
    tokens += content === null ? said : counter.count(content);
  }
  return Math.min(MOST_REQUEST_TOKENS, Math.max(1, tokens));
}
