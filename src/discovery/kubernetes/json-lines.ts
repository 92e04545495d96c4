/** A slice has a thousand endpoints at most, some 500 bytes each. */
const LONGEST_LINE_BYTES = 16 << 20;
const NEWLINE = 0x0a;

/**
 * The lines of a body that arrives in chunks, cut anywhere, each parsed as JSON; a last line without an end is dropped.
 * Throws SyntaxError for a line that is no JSON, RangeError for one that is too long.
 */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, void> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      held.push(chunk.subarray(from, end));
      const line = Buffer.concat(held).toString("utf8").trim();
      held = [];
      bytes = 0;
      from = end + 1;
      if (line !== "") yield JSON.parse(line);
    }
    const rest = chunk.subarray(from);
    if (rest.length > 0) held.push(rest);
    bytes += rest.length;
    if (bytes > LONGEST_LINE_BYTES) throw new RangeError("a line is too long");
  }
}
