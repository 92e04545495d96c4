/** One thing to do to a simulated pool. */
export type SimulationChange =
  | { readonly traffic: number }
  | { readonly pause: boolean }
  | { readonly again: true }
  /** Of a trace: times as fast; ms of it. */
  | { readonly speed: number }
  | { readonly jump: number }
  | { readonly shift: true }
  | { readonly lose: number }
  | { readonly restore: number };

/**
 * Asks the gateway to do it; what comes of it the stream says.
 * @param key the gateway's operator key; null for none
 * @returns why it was refused; null when it is done
 */
export async function changeSimulation(
  pool: string,
  change: SimulationChange,
  key: string | null,
): Promise<string | null> {
  const headers: HeadersInit = { "content-type": "application/json" };
  if (key !== null) headers["authorization"] = `Bearer ${key}`;
  const url = new URL(`admin/pools/${encodeURIComponent(pool)}/simulation`, document.baseURI);
  try {
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(change) });
    if (response.ok) return null;
    const { error } = (await response.json()) as { readonly error: { readonly message: string } };
    return error.message;
  } catch {
    return "The gateway does not answer.";
  }
}
