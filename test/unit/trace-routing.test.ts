import { expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { spreadTokens } from "../../src/twin/routing-source.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";
import { randomTrace } from "../random-trace.ts";

const trace = randomTrace(new Rng(1), 80, 2, 3, 16);

/** Rows of the trace that a request of 15 tokens reads. */
function rowsOf(source: TraceRouting, tenant: string | null): number[] {
  const rows = new Int32Array(15);
  source.rows(source.admit(15, tenant), 0, 15, rows, 0);
  return [...rows];
}

it("a named tenant's requests go on through one eighth of the trace, whoever asks between", () => {
  const source = new TraceRouting(trace);
  const parts = new Set<number>();
  for (let i = 0; i < 40; i++) {
    const rows = [
      ...rowsOf(source, `tenant ${i}`),
      ...rowsOf(source, null),
      ...rowsOf(source, `tenant ${i}`),
    ];
    const own = [...rows.slice(0, 15), ...rows.slice(30)];
    const [part] = new Set(own.map((row) => Math.floor(row / 10)));
    expect(own.every((row) => Math.floor(row / 10) === part)).toBe(true);
    expect(own.slice(1).every((row, at) => row % 10 === (own[at] + 1) % 10)).toBe(true);
    parts.add(part);
  }
  expect(parts.size).toBe(8);
});

it("requests without a name take the rows in turn", () => {
  const source = new TraceRouting(trace);
  const rows = Array.from({ length: 6 }, () => rowsOf(source, null)).flat();
  expect(rows).toEqual(Array.from({ length: 90 }, (_, i) => i % 80));
});

it("a trace of less than eight tokens is everybody's", () => {
  const source = new TraceRouting(randomTrace(new Rng(1), 5, 2, 3, 16));
  expect(rowsOf(source, "a").slice(0, 6)).toEqual([0, 1, 2, 3, 4, 0]);
});

it("a few of a request's tokens are spread from its first to its last, at the model's layers", () => {
  const source = new TraceRouting(trace);
  const span = source.admit(80, null);
  const few = spreadTokens(source, span, 80, 4, 5);
  expect([few.tokens, few.layers, few.topk]).toEqual([5, 4, 3]);
  const wanted = [0, 16, 32, 48, 64].flatMap((row) => {
    const token = [...trace.experts.subarray(row * 6, row * 6 + 6)];
    return [...token, ...token];
  });
  expect([...few.experts]).toEqual(wanted);
  expect(spreadTokens(source, span, 3, 2, 5).tokens).toBe(3);
});

it("a shift passes over half of the trace, and takes tenants to another part", () => {
  const source = new TraceRouting(trace);
  const [row] = rowsOf(source, null);
  const [ofTenant] = rowsOf(source, "a");
  source.shift();
  expect(rowsOf(source, null)[0]).toBe((row + 15 + 40) % 80);
  expect(Math.floor(rowsOf(source, "a")[0] / 10)).toBe((Math.floor(ofTenant / 10) + 1) % 8);
});
