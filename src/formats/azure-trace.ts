import { InputError } from "../lib/errors.ts";
import { oneLine } from "../lib/printable.ts";
import { MOST_REQUEST_TOKENS, type TraceRequest } from "../model/traffic.ts";

/** The first line of the Azure LLM inference traces (AzurePublicDataset, 2023 and 2024). */
export const AZURE_HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens";
const FIELDS = 3;

const TIMESTAMP =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:\+00:00)?$/;

/**
 * Reads an Azure trace: CSV, one request a line, timestamps with up to 7 fractional digits. A field may stand in quotes.
 * @param text begins with AZURE_HEADER
 * @returns in the file's order; arrivals in ms since 1 March 2000 (UTC), for the caller to count from the first
 * @throws InputError naming the line at fault, also where it is earlier than the one before
 */
export function readAzureTrace(text: string, source: string): TraceRequest[] {
  const requests: TraceRequest[] = [];
  let number = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const row of linesOf(text)) {
    number++;
    if (number === 1) continue;
    const line = `line ${number}`;
    const fields = row.split(",");
    if (fields.length !== FIELDS) {
      throw new InputError(source, line, `has ${fields.length} fields; expected ${AZURE_HEADER}`);
    }
    const [timestamp, context, generated] = fields.map(unquoted);
    const arrivalMs = readTimestamp(timestamp, source, line);
    if (arrivalMs < lastMs) {
      const hint = `is '${timestamp}', earlier than the line before; sort the rows by time`;
      throw new InputError(source, `${line} TIMESTAMP`, hint);
    }
    lastMs = arrivalMs;
    requests.push({
      arrivalMs,
      inputTokens: readTokens(context, source, `${line} ContextTokens`),
      outputTokens: readTokens(generated, source, `${line} GeneratedTokens`),
    });
  }
  return requests;
}

/** Lines that end in LF or CRLF; the last need not. */
function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
  }
}

function unquoted(field: string): string {
  return /^"([^"]*)"$/.exec(field)?.[1] ?? field;
}

function readTokens(text: string, source: string, field: string): number {
  if (/^[1-9]\d{0,8}$/.test(text) && Number(text) <= MOST_REQUEST_TOKENS) return Number(text);
  throw new InputError(
    source,
    field,
    `is '${oneLine(text, 40)}'; expected tokens, in 1..${MOST_REQUEST_TOKENS}`,
  );
}

function readTimestamp(text: string, source: string, line: string): number {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) {
    throw new InputError(
      source,
      `${line} TIMESTAMP`,
      `is '${oneLine(text, 40)}'; expected e.g. 2023-11-16 18:15:46.6805900`,
    );
  }
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const seconds = ((daysSinceMarch2000(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * 1000 + Number(`0.${parts[7] ?? 0}`) * 1000;
}

/** Days of the Gregorian calendar since 1 March 2000; counting years from March puts the leap day last. */
function daysSinceMarch2000(year: number, month: number, day: number): number {
  const y = (month > 2 ? year : year - 1) - 2000;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return 365 * y + leapDays + Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
}
