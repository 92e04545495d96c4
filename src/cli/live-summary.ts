import Table from "cli-table3";
import { createLogUpdate } from "log-update";
import type { LiveMeasures } from "../replay/measures/live-measures.ts";
import { printable } from "../lib/printable.ts";
import type { SimulationState } from "../model/simulation.ts";
import { clockText, decimals, milliseconds } from "../lib/number-text.ts";
import { playedText, simulationText } from "./simulation-text.ts";

/** What the live view shows, gathered once a second. */
export interface LiveFacts {
  readonly traffic: LiveMeasures;
  /** Null where only traffic is watched. */
  readonly pool: PoolFacts | null;
  /** What keys do, in a line; null where none are read. */
  readonly keys: string | null;
}

export interface PoolFacts {
  readonly balancedness: NowAndStart;
  /** Per token and layer. */
  readonly nodeHopsPerToken: NowAndStart;
  readonly epoch: number;
  /** GPU slots that changed experts since the start. */
  readonly movedSlots: number;
  /** What the planner decided last, and why. */
  readonly decision: string;
  /** How far the simulated pool has fallen behind the clock since the start, in all; it never catches up. */
  readonly lagMs: number;
  /** What was done to it; null where it is not simulated. */
  readonly simulation: SimulationState | null;
  readonly dashboardUrl: string;
}

/** Null as long as nothing was measured. */
export interface NowAndStart {
  readonly now: number | null;
  readonly start: number | null;
}

const LINE_EVERY_MS = 5000;
/** 80 columns with cli-table3's borders. */
const COLUMN_WIDTHS = [19, 19, 19, 18];

/** The terminal's live view: redrawn in place on a terminal, else one line every five seconds. */
export class LiveSummary {
  readonly #stream: NodeJS.WriteStream;
  readonly #view: ReturnType<typeof createLogUpdate> | null;
  #nextLineMs = 0;
  #table = "";

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#view = stream.isTTY ? createLogUpdate(stream) : null;
  }

  update(facts: LiveFacts): void {
    if (this.#view !== null) {
      this.#table = liveTable(facts);
      this.#view(this.#table);
    } else if (facts.traffic.elapsedMs >= this.#nextLineMs) {
      this.#nextLineMs = facts.traffic.elapsedMs + LINE_EVERY_MS;
      this.#stream.write(`${liveLine(facts)}\n`);
    }
  }

  /** One line, above the view where it is redrawn. Control characters in it, which may be others', are shown as escapes. */
  say(line: string): void {
    if (this.#view === null) this.#stream.write(`${printable(line)}\n`);
    else {
      this.#view.persist(printable(line));
      this.#view(this.#table);
    }
  }

  /** Leaves the last view where it is and gives the cursor back. */
  close(): void {
    this.#view?.done();
  }
}

/** The view as a table of 80 columns. */
export function liveTable({ traffic, pool, keys }: LiveFacts): string {
  const table = new Table({
    colWidths: COLUMN_WIDTHS,
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  table.push(
    [
      "Requests",
      `${decimals(traffic.completed, 0)} done`,
      `${decimals(traffic.inFlight, 0)} in flight`,
      `${decimals(traffic.failed, 0)} failed`,
    ],
    [
      "Tokens/s",
      `${decimals(traffic.outputTokensPerSecond, 0)} out`,
      `${decimals(traffic.inputTokensPerSecond, 0)} in`,
      clockText(traffic.elapsedMs),
    ],
    latencyRow("First token", traffic.ttftMs, traffic.leftMs === null ? "" : leftText(traffic.leftMs)),
    latencyRow("Between tokens", traffic.itlMs),
  );
  if (pool !== null) {
    table.push(
      changeRow("Balancedness", pool.balancedness),
      changeRow("Node hops/token", pool.nodeHopsPerToken),
      [
        "Placement",
        `epoch ${decimals(pool.epoch, 0)}`,
        `${decimals(pool.movedSlots, 0)} slots moved`,
        `lag ${milliseconds(pool.lagMs)} ms`,
      ],
      ...(pool.simulation === null
        ? []
        : [["Simulated", { colSpan: 3, content: simulationText(pool.simulation) }]]),
      ...playedRows(pool.simulation).map((content) => ["Played", { colSpan: 3, content }]),
      ["Planner", { colSpan: 3, content: pool.decision }],
      ["Dashboard", { colSpan: 3, content: pool.dashboardUrl }],
    );
  }
  if (keys !== null) table.push(["Keys", { colSpan: 3, content: keys }]);
  return table.toString();
}

function playedRows(simulation: SimulationState | null): string[] {
  const traffic = simulation?.traffic ?? null;
  // A file's name is others'.
  return traffic === null ? [] : [printable(playedText(traffic))];
}

function latencyRow(name: string, latency: LiveMeasures["ttftMs"], last = ""): string[] {
  return [name, `p50 ${milliseconds(latency?.p50)} ms`, `p95 ${milliseconds(latency?.p95)} ms`, last];
}

/** Until the last request starts. */
function leftText(leftMs: number): string {
  return `${clockText(leftMs)} left`;
}

function changeRow(name: string, { now, start }: NowAndStart): string[] {
  return [name, `${decimals(now, 3)} now`, `${decimals(start, 3)} at start`, ""];
}

/** The view as one line. */
function liveLine({ traffic, pool }: LiveFacts): string {
  const parts = [
    `${traffic.completed} done, ${traffic.inFlight} in flight, ${traffic.failed} failed`,
    `tokens/s ${decimals(traffic.outputTokensPerSecond, 0)} out, ${decimals(traffic.inputTokensPerSecond, 0)} in`,
    `TTFT ${pairText(traffic.ttftMs)}, ITL ${pairText(traffic.itlMs)} ms (p50/p95)`,
  ];
  if (pool !== null) {
    parts.push(
      `balancedness ${changeText(pool.balancedness)}`,
      `node hops/token ${changeText(pool.nodeHopsPerToken)}`,
      `epoch ${pool.epoch}, ${pool.movedSlots} slots moved`,
      `lag ${milliseconds(pool.lagMs)} ms in all`,
      ...(pool.simulation === null ? [] : [simulationText(pool.simulation)]),
      ...playedRows(pool.simulation),
      `planner: ${pool.decision}`,
    );
  }
  const left = traffic.leftMs === null ? "" : ` (${leftText(traffic.leftMs)})`;
  return `${clockText(traffic.elapsedMs)}${left} ${parts.join("; ")}`;
}

function pairText(latency: LiveMeasures["ttftMs"]): string {
  return `${milliseconds(latency?.p50)}/${milliseconds(latency?.p95)}`;
}

function changeText({ now, start }: NowAndStart): string {
  return `${decimals(now, 3)} (${decimals(start, 3)} at start)`;
}
