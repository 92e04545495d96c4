const LINE_FEED = 0x0a;
const TIME = Buffer.from('{"timestamp_ms":');
/** No time has more digits. */
const TIME_BYTES = 32;

/**
 * A trace as it was written, in order of the requests' ends, in order of their arrivals: the header, which says so, then
 * the lines that are whole. What follows the last line feed is the beginning of a line that its writer did not finish.
 * @param more what else the header shall say
 */
export function sortedLines(file: Buffer, more: Readonly<Record<string, unknown>>): Buffer {
  const headerEnd = file.indexOf(LINE_FEED) + 1;
  const starts: number[] = [];
  const times: number[] = [];
  let end = headerEnd;
  for (let at = headerEnd; at < file.length; at = end) {
    end = file.indexOf(LINE_FEED, at) + 1;
    if (end === 0) break;
    const time = timeAt(file, at);
    if (Number.isNaN(time)) continue;
    starts.push(at);
    times.push(time);
  }
  const order = Uint32Array.from(starts.keys());
  order.sort((a, b) => times[a] - times[b] || a - b);
  const lines = Array.from(order, (i) => file.subarray(starts[i], file.indexOf(LINE_FEED, starts[i]) + 1));
  const header = { ...headerOf(file, headerEnd), order: "arrival", requests: lines.length, ...more };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...lines]);
}

function timeAt(file: Buffer, at: number): number {
  const from = at + TIME.length;
  if (from > file.length) return Number.NaN;
  if (file.compare(TIME, 0, TIME.length, at, from) !== 0) return Number.NaN;
  return Number.parseFloat(file.toString("latin1", from, from + TIME_BYTES));
}

/** @throws SyntaxError for one that is none */
function headerOf(file: Buffer, end: number): Readonly<Record<string, unknown>> {
  return JSON.parse(file.toString("utf8", 0, end)) as Record<string, unknown>;
}
