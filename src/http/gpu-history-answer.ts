import type { HeldExpert } from "../control/history/filling.ts";
import { DRAINED, type GpuRow, LOST } from "../control/history/gpu-row.ts";
import { InputError } from "../lib/errors.ts";
import type { HistoryQuestion } from "./history-question.ts";

/** Rows that are kept are no longer, and windows seldom are. */
const LONGEST_MS = 60_000;

/** One figure of each GPU. */
interface GpuFigure {
  /** In JSON. */
  readonly key: string;
  /** In CSV, with its unit. */
  readonly column: string;
  /** Of one GPU; null for what was not measured. */
  readonly of: (row: GpuRow, gpu: number) => number | null;
}

function ofEven(key: "load" | "held", column: string, parts: number): GpuFigure {
  const of = (row: GpuRow, gpu: number) =>
    row.even > 0 ? Math.round((parts * (row[key][gpu] ?? 0)) / row.even) / parts : null;
  return { key, column, of };
}

function most(key: "kvUse" | "waiting" | "running", column: string, unit: number): GpuFigure {
  return { key, column, of: (row, gpu) => (row.rankWindows > 0 ? (row[key][gpu] ?? 0) / unit : null) };
}

/** In their order. */
const FIGURES: readonly GpuFigure[] = [
  ofEven("held", "step_longer_for_it", 10_000),
  ofEven("load", "load_times_mean", 100),
  most("kvUse", "kv_use_most", 100),
  most("waiting", "waiting_requests_most", 1),
  most("running", "running_requests_most", 1),
];
const FULLEST = "fullest";
const NAMES = [...FIGURES.map(({ key }) => key), FULLEST];

export interface GpuAnswer {
  readonly pool: string;
  readonly question: HistoryQuestion;
  /** How many it has now; it may have had more. */
  readonly gpus: number;
  /** The model's layer of each row of the load. */
  readonly layers: readonly number[];
  /** Names of what is asked for. */
  readonly figures: ReadonlySet<string>;
  readonly rows: readonly GpuRow[];
}

/** @throws InputError */
export function figuresIn(asked: unknown): ReadonlySet<string> {
  if (asked === undefined) return new Set(NAMES);
  const names = new Set(typeof asked === "string" ? asked.split(",") : [JSON.stringify(asked)]);
  for (const name of names)
    if (!NAMES.includes(name)) {
      const hint = `has ${JSON.stringify(name)}; expected some of ${NAMES.join(", ")}, with commas between`;
      throw new InputError("query", "figures", hint);
    }
  return names;
}

/** All that may be the row of a moment. */
export function aroundOf(at: number, step: number): HistoryQuestion {
  return { from: Math.max(0, at - LONGEST_MS), to: at + LONGEST_MS, step };
}

/** The row of a moment, if there is one: that it lies in, or that of the window it lies in, which may end later. */
export function rowOf(rows: readonly GpuRow[], at: number): readonly GpuRow[] {
  const within = rows.filter(({ atS, seconds, spanMs }) => {
    const to = (atS + seconds) * 1000;
    return at < to && at >= to - Math.max(1000 * seconds, spanMs);
  });
  const measured = within.filter(({ even }) => even > 0);
  return (measured.length > 0 ? measured : within).toSorted((a, b) => a.seconds - b.seconds).slice(0, 1);
}

export function gpusJson({ pool, question, gpus, layers, figures, rows }: GpuAnswer): object {
  const chosen = FIGURES.filter(({ key }) => figures.has(key));
  return {
    pool,
    ...question,
    rows: rows.map((row) => {
      const all = Array.from({ length: gpusOf(row, gpus) }, (_, gpu) => gpu);
      const measured = chosen.map(({ key, of }) => {
        const values = all.map((gpu) => of(row, gpu));
        return [key, values.includes(null) ? null : values] as const;
      });
      return {
        at: row.atS * 1000,
        seconds: row.seconds,
        measuredMs: row.spanMs,
        ...(Object.fromEntries(measured) as Record<string, unknown>),
        lost: all.filter((gpu) => row.state[gpu] === LOST),
        drained: all.filter((gpu) => row.state[gpu] === DRAINED),
        ...(figures.has(FULLEST) ? { fullest: fullestOf(row, layers) } : {}),
      };
    }),
  };
}

/** A header, then a line for each GPU of each row; empty for what was not measured. */
export function gpusCsv({ gpus, layers, figures, rows }: GpuAnswer): string {
  const chosen = FIGURES.filter(({ key }) => figures.has(key));
  const header = [
    "time_utc",
    "seconds",
    "measured_ms",
    "gpu",
    "state",
    ...chosen.map(({ column }) => column),
  ];
  const named = figures.has(FULLEST) ? [...header, "experts"] : header;
  const lines = rows.flatMap((row) => {
    const [time, fullest] = [new Date(row.atS * 1000).toISOString(), fullestOf(row, layers)];
    return Array.from({ length: gpusOf(row, gpus) }, (_, gpu) => {
      const state = ["live", "drained", "lost"][row.state[gpu] ?? 0] ?? "live";
      const line = [time, row.seconds, row.spanMs, gpu, state, ...chosen.map(({ of }) => of(row, gpu) ?? "")];
      const experts = fullest.find((one) => one.gpu === gpu)?.experts ?? [];
      const words = experts.map((one) => `${one.layer}/${one.expert} ${one.load} ${one.share}`);
      return figures.has(FULLEST) ? [...line, words.join("; ")] : line;
    });
  });
  return [named, ...lines].map((line) => `${line.join(",")}\n`).join("");
}

function fullestOf({ fullest }: GpuRow, layers: readonly number[]) {
  const expertOf = ({ layer, expert, load, share }: HeldExpert) => ({
    layer: layers[layer] ?? layer,
    expert,
    load: load / 100,
    share: share / 100,
  });
  return fullest.map(({ gpu, held, experts }) => ({
    gpu,
    held: held / 10_000,
    experts: experts.map(expertOf),
  }));
}

function gpusOf({ load, state }: GpuRow, gpus: number): number {
  return Math.max(gpus, load.length, state.length);
}
