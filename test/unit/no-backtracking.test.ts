import { expect, test } from "vitest";
import { FieldCutter } from "../../src/engines/http/field-cutter.ts";
import { orcaKvUse } from "../../src/engines/http/orca.ts";
import { UnseenFrames } from "../../src/engines/http/unseen-frames.ts";
import { parseJsonObject } from "../../src/formats/json.ts";
import { metricSamples } from "../../src/formats/prometheus-text.ts";
import { returnedHeaders } from "../../src/http/headers.ts";
import { WholeFrames } from "../../src/http/whole-frames.ts";
import { scanBody } from "../../src/serving/request/scan-body.ts";

/** Reads a text that is so long, and does not mind what it says. */
type Reading = (length: number) => void;

const fill = (part: string, length: number) => part.repeat(Math.ceil(length / part.length));
const cut = (text: string) => {
  const cutter = new FieldCutter("routed", ["routed"], 1 << 20, () => {});
  cutter.take(Buffer.from(text));
  cutter.end();
};
const inBytes = (text: string, take: (piece: Buffer) => void) => {
  for (let at = 0; at < text.length; at++) take(Buffer.from(text[at]));
};
const scan = (text: string) => {
  try {
    scanBody(Buffer.from(text));
  } catch {
    // Refused, then.
  }
};
const metric = (text: string) => void metricSamples(`m${text}\n`, new Set(["m"]));

const json = (text: string) => {
  try {
    parseJsonObject(text, "f", "");
  } catch {
    // Refused, then.
  }
};

const READINGS: Readonly<Record<string, Reading>> = {
  "an event of many nulls": (n) =>
    void new UnseenFrames().take(
      Buffer.from(`data: {"choices":[],"sglext": {${fill('"a":null  ', n)}x}\n\n`),
    ),
  "many events of nulls": (n) =>
    void new UnseenFrames().take(Buffer.from(fill('data: {"choices":[],"sglext":{"a":null  }\n\n', n))),
  "an event that does not end": (n) => {
    const frames = new UnseenFrames();
    inBytes(fill("data: x\n", n), (piece) => void frames.take(piece));
  },
  "content that is none": (n) => void new WholeFrames().take(Buffer.from(fill('"content"   ', n))),
  "content and white space": (n) => void new WholeFrames().take(Buffer.from(`"content"${fill(" ", n)}\n\n`)),
  "a frame in bytes": (n) => {
    const frames = new WholeFrames();
    inBytes(fill("data: x\n", n), (piece) => void frames.take(piece));
  },
  "KV use that is none": (n) =>
    void orcaKvUse(["endpoint-load-metrics", fill('"kv_cache_usage_perc": 1', n)]),
  "KV use of many digits": (n) =>
    void orcaKvUse(["endpoint-load-metrics", `"kv_cache_usage_perc": ${fill("1", n)}.${fill("1", n)}e-`]),
  "a field's name and white space": (n) => cut(`"routed"${fill(" ", n)}`),
  "many fields' names": (n) => cut(fill('"routed" ', n)),
  "commas and white space": (n) => cut(fill(",    ", n)),
  "a comma and white space in bytes": (n) => {
    const cutter = new FieldCutter("routed", ["routed"], 1 << 20, () => {});
    inBytes(`,${fill(" ", n)}`, (piece) => void cutter.take(piece));
  },
  "a value in bytes": (n) => {
    const cutter = new FieldCutter("routed", ["routed"], 1 << 20, () => {});
    inBytes(`"routed":"${fill("\\\\", n)}`, (piece) => void cutter.take(piece));
  },
  "brackets in a body": (n) => scan(`{"a":${fill("[", n)}`),
  "backslashes in a body": (n) => scan(`{"a":"${fill("\\", n)}"}`),
  "quotes in a body": (n) => scan(`{"a":"${fill('\\"', n)}"}`),
  "digits in a body": (n) => scan(`{"max_tokens":${fill("1", n)}}`),
  "a fraction in a body": (n) => scan(`{"max_tokens":1.${fill("1", n)}x}`),
  "white space in a body": (n) => scan(`{"a"${fill(" ", n)}:1}`),
  "fields in a body": (n) => scan(`{${fill('"a":1,', n)}"a":1}`),
  "sampling parameters": (n) => scan(`{"sampling_params":{${fill('"max_new_tokens"   ', n)}}}`),
  "white space of a file": (n) => json(`{"a":[${fill(" ", n)}NaN${fill(" ", n)}`),
  "no numbers in a file": (n) => json(`{"a":[${fill("NaN  ", n)}`),
  "signs in a file": (n) => json(`{"a":[${fill("  -", n)}`),
  "digits of a metric": (n) => metric(` ${fill("1", n)}x`),
  "a metric's label": (n) => metric(`{a="${fill("\\\\", n)}`),
  "a metric's labels": (n) => metric(`{${fill('a="",', n)}`),
  "names in a connection header": (n) => {
    const names = fill("ab,", n / 2);
    returnedHeaders(
      ["connection", names, ...Array.from({ length: n / 8 }, () => ["x", "y"]).flat()],
      false,
      false,
    );
  },
};

/** The least of several, so that what the machine does besides does not count. */
function leastMs(read: Reading, length: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    const begun = performance.now();
    read(length);
    least = Math.min(least, performance.now() - begun);
  }
  return least;
}

const LENGTH = 8192;
const TIMES = 16;

test.each(Object.entries(READINGS))("%s: the time grows as the length", (_, read) => {
  read(LENGTH);
  // Quadratic growth would be 256 times and more, and is told apart also on a loaded machine.
  const growth = () => leastMs(read, LENGTH * TIMES) / Math.max(1, leastMs(read, LENGTH));
  const least = Math.min(growth(), growth());
  expect(least).toBeLessThan(TIMES * 8);
});
