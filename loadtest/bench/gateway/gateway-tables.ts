import type { Aim, BenchTable, Column } from "../bench-table.ts";
import type { Cell } from "./cells.ts";
import type { Measured } from "./measurements.ts";
import { PLIMSOLL } from "./plimsoll.ts";

/** Times a peer's requests per CPU second that Plimsoll should come to at least. */
const REQUEST_AIMS = { nginx: 0.333, "sglang-router": 1, "vllm-router": 1, litellm: 10 } as const;
/** Of streams at a pace: per second of CPU time; milliseconds. */
const FRAMES_AIM = 25_000;
const ADDED_ITL_AIM = 5;

const MEBIBYTE = 1024 * 1024;

type Value = string | number | null;
interface Figure extends Column {
  readonly of: (measured: Measured, plimsoll: Measured | null) => Value;
}

const WHERE: readonly Figure[] = [
  { name: "in flight", of: ({ cell }) => cell.concurrency },
  { name: "body, B", of: ({ cell }) => cell.bodyBytes },
  { name: "router", of: ({ router }) => router },
];
const REQUESTS: readonly Figure[] = [
  { name: "requests/s", of: ({ requestsPerSecond }) => requestsPerSecond },
  { name: "requests/CPU s", of: ({ requestsPerCpuSecond }) => requestsPerCpuSecond },
  {
    name: "Plimsoll ÷ it",
    digits: 2,
    of: (it, plimsoll) => ratio(plimsoll?.requestsPerCpuSecond, it.requestsPerCpuSecond),
  },
];
const FRAMES: readonly Figure[] = [
  { name: "frames/s", of: ({ framesPerSecond }) => framesPerSecond },
  { name: "frames/CPU s", of: ({ framesPerCpuSecond }) => framesPerCpuSecond },
  {
    name: "Plimsoll ÷ it",
    digits: 2,
    of: (it, plimsoll) => ratio(plimsoll?.framesPerCpuSecond, it.framesPerCpuSecond),
  },
];
const TTFT: readonly Figure[] = [
  { name: "TTFT p50, ms", digits: 2, of: ({ ttft }) => ttft.p50 },
  { name: "added p50", digits: 2, of: ({ ttft }) => ttft.addedP50 },
  { name: "added p99", digits: 2, of: ({ ttft }) => ttft.addedP99 },
];
const ITL: readonly Figure[] = [
  { name: "ITL p50, ms", digits: 2, of: ({ itl }) => itl.p50 },
  { name: "ITL added p50", digits: 2, of: ({ itl }) => itl.addedP50 },
  { name: "ITL added p99", digits: 2, of: ({ itl }) => itl.addedP99 },
];
const COST: readonly Figure[] = [
  { name: "cores", digits: 2, of: ({ cores }) => cores },
  { name: "RSS, MiB", of: ({ residentBytes }) => residentBytes / MEBIBYTE },
  { name: "failed", of: ({ failed }) => failed },
];

/** A table for every manner of answering that was measured. */
export function gatewayTables(measured: readonly Measured[]): Record<string, BenchTable> {
  const of = (kind: Cell["manner"]["kind"]) => measured.filter(({ cell }) => cell.manner.kind === kind);
  const added = "Added: beyond direct, in the same repeat.";
  const closed =
    "Each of so many connections sends its next request when it has the answer to the last: where the machine is at its limit, " +
    "what is added is time in queues.";
  const tables: Record<string, BenchTable> = {
    whole: tableOf("Answers in one piece", [...REQUESTS, ...TTFT], of("whole"), [`${closed} ${added}`]),
    flatOut: tableOf("Streams of 128 frames, flat out", [...FRAMES, ...TTFT], of("flat out"), [
      `${closed} Frames that have waited are read several at once, by every router.`,
    ]),
    paced: tableOf("Streams of 128 frames, at a pace", [...FRAMES, ...ITL, ...TTFT], of("paced"), [
      `64 streams with frames 10 ms apart, 512 with 20 ms: 6,400 and 25,600 frames/s at most. ${added}`,
    ]),
  };
  return Object.fromEntries(Object.entries(tables).filter(([, { rows }]) => rows.length > 0));
}

function tableOf(
  title: string,
  figures: readonly Figure[],
  measured: readonly Measured[],
  notes: readonly string[],
): BenchTable {
  const columns = [...WHERE, ...figures, ...COST];
  const plimsollIn = (cell: Cell) =>
    measured.find((other) => other.cell === cell && other.router === PLIMSOLL) ?? null;
  const failures = measured.flatMap(({ router, cell, failure }) =>
    failure === null
      ? []
      : [`${router}, ${cell.concurrency} in flight, ${cell.bodyBytes} B: failures, the first: ${failure}`],
  );
  return {
    title,
    columns,
    rows: measured.map((it) => columns.map(({ of }) => of(it, plimsollIn(it.cell)))),
    notes: [...notes, ...failures],
    aims: [...requestAims(measured), ...streamAims(measured)],
  };
}

/** Against every peer: the mean ratio over the cells both were measured in. */
function requestAims(measured: readonly Measured[]): Aim[] {
  return Object.entries(REQUEST_AIMS).flatMap(([peer, atLeast]) => {
    const logs = measured.flatMap((it) => {
      if (it.router !== peer || it.cell.manner.kind !== "whole") return [];
      const ours = measured.find(({ router, cell }) => router === PLIMSOLL && cell === it.cell);
      const times = ratio(ours?.requestsPerCpuSecond, it.requestsPerCpuSecond);
      return times === null ? [] : [Math.log(times)];
    });
    if (logs.length === 0) return [];
    const mean = Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
    const what = `requests per CPU second, Plimsoll ÷ ${peer}, geometric mean of ${logs.length} cells`;
    return [{ what, measured: mean, atLeast }];
  });
}

function streamAims(measured: readonly Measured[]): Aim[] {
  return measured.flatMap((it) => {
    if (it.router !== PLIMSOLL || it.cell.manner.kind !== "paced") return [];
    const streams = `${it.cell.concurrency} streams`;
    const aims: Aim[] = [];
    if (it.framesPerCpuSecond !== null) {
      aims.push({
        what: `frames per CPU second, ${streams}`,
        measured: it.framesPerCpuSecond,
        atLeast: FRAMES_AIM,
      });
    }
    if (it.itl.addedP99 !== null) {
      aims.push({ what: `added ITL p99, ms, ${streams}`, measured: it.itl.addedP99, atMost: ADDED_ITL_AIM });
    }
    return aims;
  });
}

function ratio(ours: number | null | undefined, theirs: number | null): number | null {
  return ours === null || ours === undefined || theirs === null ? null : ours / theirs;
}
