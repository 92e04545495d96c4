import { readFile, readdir } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readTrace } from "../../src/formats/trace.ts";
import { WideBlocks } from "../../src/formats/traces/wide-blocks.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { readParts, readText } from "../trace-reading.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20_240_510 };
const FOLDER = new URL("../golden/traces/", import.meta.url);
const files = (await readdir(FOLDER, { withFileTypes: true })).filter((entry) => entry.isFile());
const traces = await Promise.all(
  files.map(async ({ name }) => [name, await readFile(new URL(name, FOLDER))] as const),
);

function* cut(bytes: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
  const ends = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(from, end);
    from = end;
  }
}

test.each(traces)("%s says the same however its bytes are cut", (_, bytes) => {
  const whole = readParts([bytes]);
  const parts = fc.oneof(fc.array(fc.nat(), { maxLength: 12 }), fc.constant(Array.from(bytes.keys())));
  fc.assert(
    fc.property(parts, (places) => {
      expect(readParts(cut(bytes, places))).toEqual(whole);
    }),
    { ...SEED, numRuns: runs(12) },
  );
});

/** Rows of a clock that ticks, as Mooncake's has it. */
const ticking = fc
  .tuple(
    fc.integer({ min: 1, max: 3000 }),
    fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 1500 }),
  )
  .map(([tick, rows]) => {
    let at = 0;
    return rows.map(([ticks, length]) => {
      at += ticks * tick;
      return { timestamp: at, input_length: length, output_length: 1 };
    });
  });

test("requests of one tick are spread inside it, in order; none comes before its time or a tick after it", () => {
  fc.assert(
    fc.property(ticking, (rows) => {
      const { requests } = readText(rows.map((row) => JSON.stringify(row)).join("\n"));
      expect(requests).toHaveLength(rows.length);
      const [{ timestamp: start }] = rows;
      const gaps = rows.slice(1).map((row, i) => row.timestamp - rows[i].timestamp);
      const tick = Math.min(3000, ...gaps.filter((gap) => gap > 0));
      for (const [i, { arrivalMs, inputTokens }] of requests.entries()) {
        expect(inputTokens).toBe(rows[i].input_length);
        expect(arrivalMs).toBeGreaterThanOrEqual(rows[i].timestamp - start);
        // A clock that is not quite even may take up to half a tick more.
        expect(arrivalMs).toBeLessThan(rows[i].timestamp - start + 1.5 * tick);
        if (i > 0) expect(arrivalMs).toBeGreaterThanOrEqual(requests[i - 1].arrivalMs);
      }
    }),
    { ...SEED, numRuns: runs(20) },
  );
});

const blockTokens = fc.constantFrom(1, 16, 48, 64, 511, 700, 1024);
const blocks = fc.array(fc.nat(2), { maxLength: 80 });

test("wide blocks are shared just as far as the blocks of the trace are", () => {
  fc.assert(
    fc.property(blockTokens, blocks, blocks, (size, left, right) => {
      const wide = new WideBlocks();
      const widened = [left, right].map((ids) => {
        const request: TraceRequest = {
          arrivalMs: 0,
          inputTokens: Math.max(1, ids.length * size),
          outputTokens: 1,
          prefixBlocks: ids,
          blockTokens: size,
        };
        return wide.widened(request).prefixBlocks ?? [];
      });
      for (const [i, ids] of [left, right].entries()) {
        expect(widened[i]).toHaveLength(Math.ceil((ids.length * size) / 512));
      }
      const differs = left.findIndex((id, i) => id !== right[i]);
      const shared = (differs < 0 ? left.length : differs) * size;
      for (const [i, id] of widened[0].entries()) {
        const bothReach = Math.min(left.length, right.length) * size >= (i + 1) * 512;
        if (shared >= (i + 1) * 512) expect(id).toBe(widened[1][i]);
        else if (bothReach) expect(id).not.toBe(widened[1][i]);
      }
    }),
    { ...SEED, numRuns: runs(120) },
  );
});

test("a trace read whole has the requests that one read in parts has", () => {
  for (const [name, bytes] of traces) {
    // Not all of these say when requests come.
    if (/^(?:sharegpt|aiperf)/.test(name)) continue;
    const { requests } = readParts([bytes]);
    const bare = ({
      prefixBlocks: _blocks,
      blockTokens: _size,
      prompt: _text,
      messages: _all,
      ...one
    }: TraceRequest) => one;
    expect(readTrace(bytes, name).map(bare)).toEqual(requests.map(bare));
  }
});
