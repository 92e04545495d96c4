import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { streamTrace } from "../../src/formats/trace.ts";
import { TraceShape } from "../../src/replay/trace-shape/trace-shape.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const ROWS_PER_CHUNK = 500;
const REQUESTS = 60_000;
/** The heap is looked at so often: what is remembered grows and is forgotten in turns. */
const LOOK_EVERY = 6000;
/** The requests between take several times as much. */
const MOST_GROWTH = 1 << 20;

/** A large trace, in chunks. */
function* rows(begin: string, row: (n: number) => string, end = ""): Generator<Uint8Array> {
  yield Buffer.from(begin);
  for (let n = 0; n < REQUESTS; n += ROWS_PER_CHUNK) {
    yield Buffer.from(Array.from({ length: ROWS_PER_CHUNK }, (_, i) => row(n + i)).join(""));
  }
  yield Buffer.from(end);
}

function azureRow(n: number): string {
  const seconds = String(Math.floor(n / 5000)).padStart(2, "0");
  return `2024-05-10 00:00:${seconds}.009930+00:00,${1 + (n % 4000)},${1 + (n % 300)}\n`;
}

function turn(n: number): string {
  return `{"session_id":"s${n}","timestamp":${n},"text_input":"some words","output_length":9}\n`;
}

function conversation(n: number): string {
  return `{"id":"${n}","conversations":[{"from":"human","value":"${n}"},{"from":"gpt","value":"yes"}]},\n`;
}

test.each([
  ["Azure's", rows("TIMESTAMP,ContextTokens,GeneratedTokens\n", azureRow)],
  ["one of conversations", rows("", turn)],
  ["ShareGPT's", rows("[", conversation, "{}]")],
])("a large trace needs no more memory than a small one: %s", async (_, chunks) => {
  const shape = new TraceShape();
  const heaps: number[] = [];
  let requests = 0;
  for await (const request of streamTrace(chunks, "f").requests) {
    shape.add(request);
    requests++;
    if (requests % LOOK_EVERY !== 0) continue;
    collectGarbage();
    heaps.push(getHeapStatistics().used_heap_size);
  }
  expect(requests).toBe(REQUESTS);
  const [early, late] = [heaps.slice(1, 6), heaps.slice(6)].map((some) => Math.max(...some));
  expect(late - early).toBeLessThan(MOST_GROWTH);
});
