import { InputError } from "../lib/errors.ts";
import { MOST_REQUEST_TOKENS, type TraceRequest } from "../model/traffic.ts";
import { AMOUNT, integerIn, MOST, parseJsonObject, readNumber } from "./json.ts";

/** The clock of the published traces ticks about every 3 s; the last tick is given this width. */
const TICK_MS = 3000;

const TOKENS = integerIn(1, MOST_REQUEST_TOKENS);
const BLOCK = integerIn(0, MOST);

/**
 * Reads a Mooncake trace: JSON lines of `timestamp` (ms), `input_length`, `output_length` and, optionally,
 * `hash_ids` (the prompt's blocks of 512 tokens). Requests that share a timestamp are spread evenly, in the
 * file's order, until the next distinct one, as they would else arrive in bursts the service never saw.
 * @returns in order of arrival
 * @throws InputError naming the line at fault, also where it is earlier than the one before
 */
export function readMooncakeTrace(text: string, source: string): TraceRequest[] {
  const requests: TraceRequest[] = [];
  let lastMs = 0;
  for (const [index, row] of text.split("\n").entries()) {
    if (row.trim() === "") continue;
    const line = `line ${index + 1}`;
    const request = readLine(row, source, line);
    if (request.arrivalMs < lastMs) {
      const hint = `is ${request.arrivalMs}, earlier than ${lastMs} before it; sort the lines by time`;
      throw new InputError(source, `${line} timestamp`, hint);
    }
    lastMs = request.arrivalMs;
    requests.push(request);
  }
  return spreadTicks(requests);
}

function readLine(text: string, source: string, line: string): TraceRequest {
  const row = parseJsonObject(text, source, line);
  const request = {
    arrivalMs: readNumber(row.timestamp, AMOUNT, source, `${line} timestamp`),
    inputTokens: readNumber(row.input_length, TOKENS, source, `${line} input_length`),
    outputTokens: readNumber(row.output_length, TOKENS, source, `${line} output_length`),
  };
  if (row.hash_ids === undefined) return request;
  if (!Array.isArray(row.hash_ids) || !row.hash_ids.every(BLOCK.holds)) {
    throw new InputError(source, `${line} hash_ids`, "is not a list of block ids; expected integers ≥ 0");
  }
  return { ...request, prefixBlocks: row.hash_ids };
}

/** @param sorted by arrival */
function spreadTicks(sorted: readonly TraceRequest[]): TraceRequest[] {
  const spread: TraceRequest[] = [];
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    const tick = sorted[start].arrivalMs;
    while (end < sorted.length && sorted[end].arrivalMs === tick) end++;
    const width = (end < sorted.length ? sorted[end].arrivalMs : tick + TICK_MS) - tick;
    for (let i = start; i < end; i++) {
      spread.push({ ...sorted[i], arrivalMs: tick + (width * (i - start)) / (end - start) });
    }
  }
  return spread;
}
