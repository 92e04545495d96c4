import type { Forecast } from "./forecast.ts";
import type { PlacementChange } from "./placement-change.ts";

/** @returns why there is none, where the gateway says that. @throws where it does not answer */
export async function askChange(
  pool: string,
  decision: number,
  key: string | null,
  signal: AbortSignal,
): Promise<PlacementChange | string> {
  const response = await ask(`changes/${encodeURIComponent(pool)}/${decision}`, key, signal);
  const said = (await response.json()) as PlacementChange & {
    readonly error?: { readonly message: string };
  };
  return response.ok ? said : (said.error?.message ?? `The gateway answers ${response.status}.`);
}

/** @returns null where it was made for none that is known. @throws where the gateway does not answer */
export async function askForecast(
  pool: string,
  key: string | null,
  signal: AbortSignal,
): Promise<Forecast | null> {
  const response = await ask(`forecast/${encodeURIComponent(pool)}`, key, signal);
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  const said = (await response.json()) as Forecast | { readonly load: null };
  return said.load === null ? null : said;
}

function ask(path: string, key: string | null, signal: AbortSignal): Promise<Response> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  return fetch(new URL(`ep/v1/${path}`, document.baseURI), { headers, signal, cache: "no-store" });
}
