import { type Answer, NO_ROOM, type Room } from "./room.ts";

/** @returns the answer, or why there is none. @throws where it was stopped */
export async function askRoom(
  pool: string,
  what: keyof Room,
  key: string | null,
  signal: AbortSignal,
): Promise<Room> {
  const headers: HeadersInit = { "content-type": "application/json" };
  if (key !== null) headers["authorization"] = `Bearer ${key}`;
  const url = new URL(`ep/v1/what-if/${encodeURIComponent(pool)}`, document.baseURI);
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ what }), signal });
  const said = (await response.json()) as Answer & { readonly error?: { readonly message: string } };
  const why = response.ok ? said.why : (said.error?.message ?? `the gateway answers ${response.status}`);
  return { ...NO_ROOM, [what]: why ?? said };
}
