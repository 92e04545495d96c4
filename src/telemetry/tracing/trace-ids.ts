/** `traceparent` of a trace that nobody records: its ids are drawn in place, so that each is one string and no more. */
const written = Buffer.from(`00-${"0".repeat(32)}-${"0".repeat(16)}-00`, "latin1");
const TRACE_AT = 3;
const TRACE_DIGITS = 32;
const SPAN_AT = 36;
const SPAN_DIGITS = 16;
const HEX = Buffer.from("0123456789abcdef", "latin1");

/** 16 random bytes in hexadecimal digits, never all zero. */
export function newTraceId(): string {
  draw(TRACE_AT, TRACE_DIGITS);
  return written.toString("latin1", TRACE_AT, TRACE_AT + TRACE_DIGITS);
}

/** Eight random bytes in hexadecimal digits, never all zero. */
export function newSpanId(): string {
  draw(SPAN_AT, SPAN_DIGITS);
  return written.toString("latin1", SPAN_AT, SPAN_AT + SPAN_DIGITS);
}

/** A new span of a new trace that nobody records, as `traceparent` has it. */
export function unrecordedSpan(): string {
  draw(TRACE_AT, TRACE_DIGITS);
  draw(SPAN_AT, SPAN_DIGITS);
  return written.toString("latin1");
}

/** @param digits a multiple of eight; the last one is odd */
function draw(from: number, digits: number): void {
  let word = 1;
  for (let i = from + digits - 1; i >= from; i--) {
    // A draw has 32 bits: eight digits.
    if ((i - from) % 8 === 7) word |= (Math.random() * 2 ** 32) | 0;
    written[i] = HEX[word & 15];
    word >>>= 4;
  }
}
