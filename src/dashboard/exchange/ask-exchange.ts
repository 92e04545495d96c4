import type { ExchangeAnswer, NodeBlock } from "./exchange.ts";

/** Rejects where the gateway does not answer, or with something else. @param block null for none */
export async function askExchange(
  pool: string,
  block: NodeBlock | null,
  key: string | null,
  signal: AbortSignal,
): Promise<ExchangeAnswer> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  const url = new URL(`ep/v1/exchange/${encodeURIComponent(pool)}`, document.baseURI);
  for (const [side, node] of Object.entries(block ?? {}))
    if (node !== null) url.searchParams.set(side, String(node));
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  const { exchange, block: found = null } = (await response.json()) as Omit<ExchangeAnswer, "block"> &
    Partial<ExchangeAnswer>;
  return { exchange, block: found };
}
