import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { fillingsOf, fillingsTogether } from "../history/filling.ts";
import { partAt } from "../history/gpu-parts.ts";
import {
  DRAINED,
  GPU_ROW_S,
  type GpuFigures,
  type GpuRow,
  LOST,
  gpuRowsTogether,
} from "../history/gpu-row.ts";
import type { OperatorState } from "../messages/operator-state.ts";

/** Parts of a selection that sums are kept in. */
const UNIT = 1000;
/** Parts of an even step. */
const STEP_PARTS = 10_000;

/** A row that is not over. */
interface OpenRow {
  row: GpuRow;
  /** `[layers][experts]`: what has gone to each since it began. */
  readonly tokens: Float64Array;
  snapshot: RoutingSnapshot;
  serving: number;
}

/** What the GPUs of a pool did and how they were, ten seconds by ten seconds, as far as it is not stored for good. */
export class GpuLog {
  readonly #wallClock: () => number;
  /** Ascending; all are over. */
  #rows: GpuRow[] = [];
  #open: OpenRow | null = null;

  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  /** A round is over. @param done what the pool did since the last; null where no window has ended */
  observe(
    snapshot: RoutingSnapshot,
    operatorState: Pick<OperatorState, "lost" | "drained">,
    done: { window: PoolWindow; report: PoolReport } | null,
  ): void {
    const states = statesOf(operatorState);
    const figures = done === null ? quiet(states) : figuresOf(done.window, done.report, states);
    const open = this.#rowAt(Math.floor(this.#wallClock() / 1000 / GPU_ROW_S) * GPU_ROW_S, snapshot);
    open.row = { ...open.row, ...gpuRowsTogether(open.row, figures) };
    if (done === null) return;
    const { tokens } = done.window.load;
    for (let i = 0; i < open.tokens.length; i++) open.tokens[i] += tokens[i];
    open.snapshot = snapshot;
    open.serving = done.window.serving.length;
  }

  /** By where their parts begin, seconds since 1970. */
  parts(): ReadonlyMap<number, readonly GpuRow[]> {
    const rows = this.#open === null ? this.#rows : [...this.#rows, whole(this.#open)];
    return Map.groupBy(rows, ({ atS }) => partAt(atS));
  }

  /** All parts are stored: what is over of the time before the newest need not be kept here. */
  stored(): void {
    const newest = partAt(this.#open?.row.atS ?? 0);
    this.#rows = this.#rows.filter(({ atS }) => partAt(atS) === newest);
  }

  /** Also where the clock was set back a little, it is the last. What fills GPUs is worked out for one placement. */
  #rowAt(atS: number, snapshot: RoutingSnapshot): OpenRow {
    const open = this.#open;
    const same = open !== null && open.row.atS >= atS;
    if (same && open.snapshot.placement === snapshot.placement) return open;
    const { layers, experts } = snapshot.placement;
    if (open !== null && !same) this.#rows.push(whole(open));
    const row = same ? whole(open) : { atS, seconds: GPU_ROW_S, ...quiet([]) };
    this.#open = { row, tokens: new Float64Array(layers * experts), snapshot, serving: 0 };
    return this.#open;
  }
}

/** With what filled the GPUs that steps waited for. */
function whole({ row, tokens, snapshot, serving }: OpenRow): GpuRow {
  const held = row.held.map((one) => (row.even > 0 ? Math.round((one * STEP_PARTS) / row.even) : 0));
  return { ...row, fullest: fillingsTogether(row.fullest, fillingsOf(snapshot, held, tokens, serving)) };
}

/** Where no window has ended. */
function quiet(state: readonly number[]): GpuFigures {
  return {
    spanMs: 0,
    even: 0,
    rankWindows: 0,
    load: [],
    held: [],
    kvUse: [],
    waiting: [],
    running: [],
    state,
    fullest: [],
  };
}

function figuresOf(
  { spanMs, gpuLoad, serving }: PoolWindow,
  { ranks, gpuHolds }: PoolReport,
  state: readonly number[],
): GpuFigures {
  const load = new Float64Array(gpuHolds.length);
  for (let i = 0; i < gpuLoad.length; i++) load[i % load.length] += UNIT * gpuLoad[i];
  const all = load.reduce((sum, one) => sum + one, 0);
  const even = Math.round(all / Math.max(1, serving.length));
  return {
    spanMs: Math.round(spanMs),
    even,
    rankWindows: ranks.length > 0 ? 1 : 0,
    load: Array.from(load, Math.round),
    held: gpuHolds.map((part) => Math.round(part * even)),
    kvUse: ranks.map(({ kvUse }) => Math.round(100 * kvUse)),
    waiting: ranks.map(({ waiting }) => Math.round(waiting)),
    running: ranks.map(({ running }) => Math.round(running)),
    state,
    fullest: [],
  };
}

function statesOf({ lost, drained }: Pick<OperatorState, "lost" | "drained">): readonly number[] {
  const states: number[] = [];
  for (const rank of drained) states[rank] = DRAINED;
  for (const { rank } of lost) states[rank] = LOST;
  return Array.from(states, (state) => state ?? 0);
}
