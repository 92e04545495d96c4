import type { Exchange } from "./exchange.ts";

/** Null where nothing was published yet. Rejects where the gateway does not answer, or with something else. */
export async function askExchange(
  pool: string,
  key: string | null,
  signal: AbortSignal,
): Promise<Exchange | null> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  const url = new URL(`ep/v1/exchange/${encodeURIComponent(pool)}`, document.baseURI);
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  return ((await response.json()) as { readonly exchange: Exchange | null }).exchange;
}
