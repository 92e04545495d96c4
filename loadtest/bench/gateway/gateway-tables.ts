import type { Aim, BenchTable, Column } from "../bench-table.ts";
import type { Cell } from "./cells.ts";
import type { Measured } from "./measurements.ts";
import { PLIMSOLL } from "./plimsoll.ts";

/** Times a peer's requests per CPU second that Plimsoll should come to at least. */
const REQUEST_AIMS = { nginx: 0.333, "sglang-router": 1, "vllm-router": 1, litellm: 10 } as const;
/** Of streams at a pace: whose frames cost no less; milliseconds, where each stream's frames come at their own times. */
const FRAMES_PEER = "sglang-router";
const ADDED_ITL_AIM = 5;
const CROWD_AIM_MS = 1000;

const MEBIBYTE = 1024 * 1024;

type Value = string | number | null;
interface Figure extends Column {
  readonly of: (measured: Measured, plimsoll: Measured | null) => Value;
}

const WHERE: readonly Figure[] = [
  { name: "offered", of: ({ cell }) => offeredIn(cell) },
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
const CROWD: readonly Figure[] = [
  { name: "last first byte, ms", of: ({ lastNewcomerMs }) => lastNewcomerMs },
];
const COST: readonly Figure[] = [
  { name: "cores", digits: 2, of: ({ cores }) => cores },
  { name: "RSS, MiB", of: ({ residentBytes }) => residentBytes / MEBIBYTE },
  { name: "failed", of: ({ failed }) => failed },
];

const PHASES: readonly Figure[] = [
  {
    name: "frames come",
    of: ({ cell: { manner } }) => (manner.kind === "paced" ? PHASE_WORDS[manner.phase] : ""),
  },
];
const PHASE_WORDS = { spread: "spread", steps: "in steps" } as const;

/** A table for every manner of load that was measured. */
export function gatewayTables(measured: readonly Measured[]): Record<string, BenchTable> {
  const of = (holds: (cell: Cell) => boolean) => measured.filter(({ cell }) => holds(cell));
  const closedLoop = (kind: Cell["manner"]["kind"]) =>
    of(({ manner, perSecond, newcomers }) => manner.kind === kind && perSecond === null && newcomers === 0);
  const added = "Added: beyond direct, in the same repeat.";
  const closed =
    "Each of so many connections sends its next request when it has the answer to the last: where the machine is at its limit, " +
    "what is added is time in queues.";
  const tables: Record<string, BenchTable> = {
    offered: tableOf("Answers in one piece, offered at a rate", [...REQUESTS, ...TTFT], of(isOffered), [
      `Requests come so many a second, whatever became of those before; times are from when each was due. ${added}`,
    ]),
    whole: tableOf("Answers in one piece", [...REQUESTS, ...TTFT], closedLoop("whole"), [
      `${closed} ${added}`,
    ]),
    flatOut: tableOf("Streams of 128 frames, flat out", [...FRAMES, ...TTFT], closedLoop("flat out"), [
      `${closed} Frames that have waited are read several at once, by every router.`,
    ]),
    paced: tableOf(
      "Streams of 128 frames, at a pace",
      [...PHASES, ...FRAMES, ...ITL, ...TTFT],
      closedLoop("paced"),
      [
        "64 streams with frames 10 ms apart, 512 with 20 ms: 6,400 and 25,600 frames/s at most; each stream's at its own " +
          `times, or those of all streams of all engines in one step. ${added}`,
      ],
    ),
    newcomers: tableOf("Many at once before a router that is busy", CROWD, of(isCrowded), [
      "512 connections are opened at once, each for one request, beside 64 in closed loop: until the last has its first byte.",
    ]),
  };
  return Object.fromEntries(Object.entries(tables).filter(([, { rows }]) => rows.length > 0));
}

function isOffered({ perSecond }: Cell): boolean {
  return perSecond !== null;
}

function isCrowded({ newcomers }: Cell): boolean {
  return newcomers > 0;
}

function offeredIn({ perSecond, concurrency }: Cell): string {
  return perSecond === null ? `${concurrency} in flight` : `${perSecond} a second`;
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
      : [`${router}, ${offeredIn(cell)}, ${cell.bodyBytes} B: failures, the first: ${failure}`],
  );
  return {
    title,
    columns,
    rows: measured.map((it) => columns.map(({ of }) => of(it, plimsollIn(it.cell)))),
    notes: [...notes, ...failures],
    aims: [...requestAims(measured), ...streamAims(measured), ...crowdAims(measured)],
  };
}

/** Against every peer: the mean ratio over the cells both were measured in. */
function requestAims(measured: readonly Measured[]): Aim[] {
  return Object.entries(REQUEST_AIMS).flatMap(([peer, atLeast]) => {
    const logs = measured.flatMap((it) => {
      if (it.router !== peer || it.cell.manner.kind !== "whole" || isCrowded(it.cell)) return [];
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

/** A frame costs no more than with a peer, and waits no longer than it may: in a step, no longer than with nginx. */
function streamAims(measured: readonly Measured[]): Aim[] {
  return measured.flatMap((it) => {
    const { manner, concurrency } = it.cell;
    if (it.router !== PLIMSOLL || manner.kind !== "paced") return [];
    const streams = `${concurrency} streams, ${PHASE_WORDS[manner.phase]}`;
    const peer = (name: string) => measured.find(({ router, cell }) => router === name && cell === it.cell);
    const times = ratio(it.framesPerCpuSecond, peer(FRAMES_PEER)?.framesPerCpuSecond ?? null);
    const added = it.itl.addedP99;
    const atMost = manner.phase === "spread" ? ADDED_ITL_AIM : (peer("nginx")?.itl.addedP99 ?? null);
    const per = `frames per CPU second, Plimsoll ÷ ${FRAMES_PEER}, ${streams}`;
    return [
      ...(times === null ? [] : [{ what: per, measured: times, atLeast: 1 }]),
      ...(added === null || atMost === null
        ? []
        : [{ what: `added ITL p99, ms, ${streams}`, measured: added, atMost }]),
    ];
  });
}

function crowdAims(measured: readonly Measured[]): Aim[] {
  return measured.flatMap(({ router, lastNewcomerMs }) =>
    router !== PLIMSOLL || lastNewcomerMs === null
      ? []
      : [{ what: "last first byte, ms", measured: lastNewcomerMs, atMost: CROWD_AIM_MS }],
  );
}

function ratio(ours: number | null | undefined, theirs: number | null): number | null {
  return ours === null || ours === undefined || theirs === null ? null : ours / theirs;
}
