import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import { isObject, type JsonObject } from "../json.ts";
import { isServegenLine } from "../servegen/client.ts";
import { AZURE_COLUMNS, AzureRows } from "./azure-trace.ts";
import { BAILIAN_BLOCK_TOKENS, BailianRows } from "./bailian-trace.ts";
import { blockTokensOf, fits } from "./block-fit.ts";
import { BURSTGPT_COLUMNS, BurstgptRows } from "./burstgpt-trace.ts";
import { cellsOf, columnName, separatorOf } from "./csv-columns.ts";
import { MOONCAKE, MooncakeRows, TIMED_TRACE } from "./mooncake-trace.ts";
import { PLIMSOLL_TRACE, PlimsollRows } from "./plimsoll-trace.ts";
import type { RowReader, TokenCounter } from "./row-reader.ts";
import { SharegptRows } from "./sharegpt-trace.ts";

/** How each is called where a person names it. */
export const TRACE_FORMATS = [
  "azure",
  "burstgpt",
  "mooncake",
  "bailian",
  "timed-trace",
  "sharegpt",
  "plimsoll",
] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** Whether its first line names its columns. */
export function hasHeader(format: TraceFormat): boolean {
  return format === "azure" || format === "burstgpt";
}

/** @param lines the first ones, with a header where the format has one */
export function rowsOf(
  format: TraceFormat,
  lines: readonly string[],
  source: string,
  counter: TokenCounter,
): RowReader {
  const [header] = lines;
  switch (format) {
    case "azure":
      return new AzureRows(header, source);
    case "burstgpt":
      return new BurstgptRows(header, source);
    case "mooncake":
      return new MooncakeRows(source, MOONCAKE, counter, blockTokensOf(lines, MOONCAKE.blockTokens));
    case "timed-trace":
      return new MooncakeRows(source, TIMED_TRACE, counter, blockTokensOf(lines, TIMED_TRACE.blockTokens));
    case "bailian":
      return new BailianRows(source, blockTokensOf(lines, BAILIAN_BLOCK_TOKENS));
    case "sharegpt":
      return new SharegptRows(source, counter);
    case "plimsoll":
      return new PlimsollRows(source, counter);
  }
}

/** Columns that only that format has. */
const TELLING: Readonly<Record<"azure" | "burstgpt", readonly string[]>> = {
  azure: AZURE_COLUMNS.slice(1),
  burstgpt: BURSTGPT_COLUMNS.slice(1),
};

/** The CSV format whose columns a first line names; null for none. */
export function formatOfHeader(line: string): TraceFormat | null {
  const names = new Set(cellsOf(line, separatorOf(line)).map(columnName));
  const has = (columns: readonly string[]) => columns.some((name) => names.has(columnName(name)));
  if (has(TELLING.azure)) return "azure";
  return has(TELLING.burstgpt) ? "burstgpt" : null;
}

/**
 * The format of lines of JSON, by the first one that is of any; null for none. Traces as vLLM takes them have
 * Mooncake's keys, but shorter blocks.
 * @param lines the first ones
 */
export function formatOfLines(lines: readonly string[]): TraceFormat | null {
  const rows = lines.flatMap(objectOf);
  const format = rows.map(formatOfKeys).find((one) => one !== null) ?? null;
  if (format !== "mooncake") return format;
  const withBlocks = (size: number) => rows.filter((row) => hasBlocksOf(size, row)).length;
  const short = withBlocks(TIMED_TRACE.blockTokens);
  return short > withBlocks(MOONCAKE.blockTokens) ? "timed-trace" : "mooncake";
}

function formatOfKeys(row: JsonObject): TraceFormat | null {
  if (row.timestamp_ms !== undefined || row.format === PLIMSOLL_TRACE) return "plimsoll";
  if (row.chat_id !== undefined && row.parent_chat_id !== undefined) return "bailian";
  if (Array.isArray(row.conversations)) return "sharegpt";
  const prompt = row.input_length ?? row.text_input ?? row.messages ?? row.payload;
  return prompt !== undefined || row.timestamp !== undefined ? "mooncake" : null;
}

function hasBlocksOf(size: number, { input_length: length, hash_ids: ids }: JsonObject): boolean {
  if (typeof length !== "number" || !Array.isArray(ids)) return false;
  return fits(ids.length, length, size);
}

function objectOf(line: string): readonly JsonObject[] {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? [value] : [];
  } catch {
    return [];
  }
}

/** What people have in place of a trace; null where it is none of that. */
function otherFile(line: string): string | null {
  if (line.startsWith("version https://git-lfs."))
    return "is a pointer of Git LFS, not the file; fetch it with `git lfs pull`";
  return /^\s*<(?:!doctype|html)/i.test(line) ? "is a web page (HTML); download the file itself" : null;
}

/** @param line the first that is not empty; null where there is none */
export function unknownFormat(line: string | null, source: string): InputError {
  if (line !== null && isServegenLine(line)) {
    return new InputError(
      source,
      "line 1",
      "is of one client of ServeGen's data; give the folder of all of them",
    );
  }
  const other = line === null ? null : otherFile(line);
  if (other !== null) return new InputError(source, "", other);
  if (line?.startsWith("{") && objectOf(line).length === 0)
    return new InputError(
      source,
      "line 1",
      `is not JSON: it is '${oneLine(line, 80)}'; expected one object a line`,
    );
  const csv = `Azure trace (CSV with the columns ${AZURE_COLUMNS.join(", ")}) nor BurstGPT's (CSV with ${BURSTGPT_COLUMNS.join(", ")})`;
  const json =
    "Mooncake's, Qwen-Bailian's, vLLM's timed trace or Plimsoll's own (lines of JSON) nor ShareGPT's (JSON)";
  const why = line === null ? ", for the file is empty" : `: it is '${oneLine(line, 80)}'`;
  return new InputError(source, "line 1", `begins neither an ${csv} nor ${json}${why}; expected one of them`);
}
