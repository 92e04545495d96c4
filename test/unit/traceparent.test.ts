import { expect, test } from "vitest";
import { readTraceParent, writeTraceParent } from "../../src/serving/tracing/traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test.each([
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-00`, false],
  [`00-${TRACE}-${SPAN}-03`, true],
  [`00-${TRACE}-${SPAN}-02`, false],
  // Of a later version the beginning counts.
  [`01-${TRACE}-${SPAN}-01`, true],
  [`cc-${TRACE}-${SPAN}-01-what-comes-later`, true],
])("reads %s", (header, sampled) => {
  expect(readTraceParent(header)).toEqual({ traceId: TRACE, spanId: SPAN, sampled });
});

test.each([
  "",
  "00",
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE}-${SPAN}-01 `,
  ` 00-${TRACE}-${SPAN}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `01-${TRACE}-${SPAN}-01.more`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN.toUpperCase()}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
  `0x-${TRACE}-${SPAN}-01`,
  // Two headers of that name.
  `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
])("%j is no trace context", (header) => {
  expect(readTraceParent(header)).toBe(null);
});

test("what is not there, or there as a list, is none", () => {
  expect(readTraceParent(undefined)).toBe(null);
  expect(readTraceParent([`00-${TRACE}-${SPAN}-01`])).toBe(null);
});

test("what is written is read again", () => {
  for (const sampled of [true, false]) {
    const span = { traceId: TRACE, spanId: SPAN, sampled };
    expect(readTraceParent(writeTraceParent(span))).toEqual(span);
  }
});
