import { type Answer, NO_ROOM, type Room, type WHATS } from "./room.ts";

/** @returns the answer, or why there is none. @throws where it was stopped */
export async function askRoom(
  pool: string,
  what: (typeof WHATS)[number],
  gpu: string | null,
  key: string | null,
  signal: AbortSignal,
): Promise<Room> {
  const headers: HeadersInit = { "content-type": "application/json" };
  if (key !== null) headers["authorization"] = `Bearer ${key}`;
  const url = new URL(`ep/v1/what-if/${encodeURIComponent(pool)}`, document.baseURI);
  const response = await fetch(url, {
    method: "POST",
    headers,
    body: JSON.stringify(gpu === null ? { what } : { what, gpu }),
    signal,
  });
  const said = (await response.json()) as Answer & { readonly error?: { readonly message: string } };
  const why = response.ok ? said.why : (said.error?.message ?? `the gateway answers ${response.status}`);
  return { ...NO_ROOM, [what]: why ?? said, gpus: said.gpus ?? null };
}
