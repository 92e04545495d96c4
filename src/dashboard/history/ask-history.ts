import type { HistoryAnswer } from "./history-row.ts";
import type { Span } from "./ranges.ts";

/** What is asked for: times, and seconds of a row. */
export interface HistoryQuestion extends Span {
  readonly step: number;
}

/** Rejects where the gateway does not answer, or with something else. */
export async function askHistory(
  pool: string,
  key: string | null,
  question: HistoryQuestion,
  signal: AbortSignal,
): Promise<HistoryAnswer> {
  return (await (await ask(pool, key, question, "json", signal)).json()) as HistoryAnswer;
}

/** The same as a file of comma-separated values. */
export async function askCsv(pool: string, key: string | null, question: HistoryQuestion): Promise<Blob> {
  return (await ask(pool, key, question, "csv", null)).blob();
}

async function ask(
  pool: string,
  key: string | null,
  { from, to, step }: HistoryQuestion,
  format: string,
  signal: AbortSignal | null,
): Promise<Response> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  const url = new URL(`ep/v1/history/${encodeURIComponent(pool)}`, document.baseURI);
  for (const [name, value] of Object.entries({ from, to, step, format }))
    url.searchParams.set(name, `${value}`);
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  return response;
}
