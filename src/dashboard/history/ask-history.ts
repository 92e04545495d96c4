import type { GpuHistoryRow, HeldRow } from "./gpu-history-row.ts";
import type { HistoryAnswer } from "./history-row.ts";
import type { Span } from "./ranges.ts";

/** What is asked for: times, and seconds of a row. */
export interface HistoryQuestion extends Span {
  readonly step: number;
}

type Query = Readonly<Record<string, string | number>>;

/** Of a pool, or of its GPUs, as a file of comma-separated values. */
export type CsvOf = "" | "/gpus";

/** These reject where the gateway does not answer, or with something else. */
export async function askHistory(
  pool: string,
  key: string | null,
  question: HistoryQuestion,
  signal: AbortSignal,
): Promise<HistoryAnswer> {
  return (await (await ask(pool, "", key, { ...question }, signal)).json()) as HistoryAnswer;
}

/** What steps waited for, the oldest first. */
export async function askHeld(
  pool: string,
  key: string | null,
  question: HistoryQuestion,
  signal: AbortSignal,
): Promise<readonly HeldRow[]> {
  const answer = await ask(pool, "/gpus", key, { ...question, figures: "held" }, signal);
  return ((await answer.json()) as { readonly rows: readonly HeldRow[] }).rows;
}

/** What the GPUs did at a moment; null where nothing is kept of it. */
export async function askGpusAt(
  pool: string,
  key: string | null,
  at: number,
  signal: AbortSignal,
): Promise<GpuHistoryRow | null> {
  const answer = await ask(pool, "/gpus", key, { at }, signal);
  return ((await answer.json()) as { readonly rows: readonly GpuHistoryRow[] }).rows[0] ?? null;
}

export async function askCsv(
  pool: string,
  of: CsvOf,
  key: string | null,
  question: HistoryQuestion,
): Promise<Blob> {
  return (await ask(pool, of, key, { ...question, format: "csv" }, null)).blob();
}

async function ask(
  pool: string,
  of: CsvOf,
  key: string | null,
  query: Query,
  signal: AbortSignal | null,
): Promise<Response> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  const url = new URL(`ep/v1/history/${encodeURIComponent(pool)}${of}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, `${value}`);
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  return response;
}
