import type { BenchTable } from "../bench-table.ts";
import { type EventLoopReport, eventLoopBench } from "./event-loop.ts";
import type { Bench } from "../bench.ts";

/** What the control loop may keep the gateway's event loop waiting for. */
const BLOCKED_AIM = 5;

/** What planning in a thread of its own leaves of the gateway's event loop. */
export async function eventLoopTable({ progress }: Bench): Promise<BenchTable> {
  progress("event loop: pieces, then six spells");
  return table(await eventLoopBench());
}

function table({ pool, pieces, delay }: EventLoopReport): BenchTable {
  const spells = Object.entries({
    "no control loop": delay.idle,
    "planner in its thread": delay.plannerThread,
    "planner on the gateway's thread": delay.gatewayThread,
  }).flatMap(([name, runs]) =>
    runs.map(({ meanMs, p99Ms, p999Ms, maxMs }, i) => [
      `event loop, ${name}, spell ${i + 1}`,
      meanMs,
      null,
      p99Ms,
      p999Ms,
      maxMs,
    ]),
  );
  return {
    title: `Event loop of the gateway while ${pool} is re-planned`,
    columns: [
      { name: "what" },
      { name: "mean or median, ms", digits: 2 },
      { name: "p95, ms", digits: 2 },
      { name: "p99, ms", digits: 2 },
      { name: "p99.9, ms", digits: 2 },
      { name: "most, ms", digits: 2 },
    ],
    rows: [
      ...Object.entries(pieces).map(([name, { medianMs, p95Ms, maxMs }]) => [
        name,
        medianMs,
        p95Ms,
        null,
        null,
        maxMs,
      ]),
      ...spells,
    ],
    notes: [
      `Event loop: time between two calls of a timer due every ${delay.resolutionMs} ms, in spells of ` +
        `${delay.spellMs / 1000} s, in turn. Pieces: what a planning round runs on the gateway's thread at once.`,
    ],
    aims: Object.entries(pieces).map(([name, { p95Ms }]) => ({
      what: `${name}, 95th percentile, ms`,
      measured: p95Ms,
      atMost: BLOCKED_AIM,
    })),
  };
}
