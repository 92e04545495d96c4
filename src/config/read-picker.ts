import type { z } from "zod";
import type { PoolConfig } from "./config.ts";
import type { PickerConfig, pickerSchema } from "./picker-config.ts";
import { staysHere } from "./loopback.ts";
import type { NamedFiles } from "./named-files.ts";
import { type Place, type SourceOf, faultAt, inside } from "./place.ts";
import { readListenerTls } from "./read-tls.ts";

/**
 * @returns null where there is no picker
 * @throws InputError
 */
export function readPicker(
  { port, pools: named, host, endpoints, ...tls }: z.output<typeof pickerSchema>,
  pools: readonly PoolConfig[],
  sourceOf: SourceOf,
  files: NamedFiles,
): PickerConfig | null {
  if (port === null) return null;
  const place: Place = { sourceOf, field: ["picker"] };
  const pickable = pools.filter((pool) => refusalOf(pool) === null);
  for (const [i, name] of (named ?? []).entries()) {
    const at = inside(place, "pools", i);
    const pool = pools.find((one) => one.name === name);
    if (pool === undefined) {
      const names = pools.map((one) => one.name).join(", ");
      throw faultAt(at, `is "${name}", and there is no such pool; expected one of ${names}`);
    }
    const why = refusalOf(pool);
    if (why !== null) throw faultAt(at, `is "${name}", ${why}`);
  }
  if (pickable.length === 0)
    throw faultAt(inside(place, "port"), `is ${port}, and no pool can be picked for: ${refusalOf(pools[0])}`);
  const chosen = named ?? pickable.map(({ name }) => name);
  return {
    host,
    port,
    pools: chosen,
    endpoints,
    tls: readListenerTls(tls, (setting) => inside(place, setting), files),
  };
}

/** What a person should know whose picker tells whoever reaches it what servers want to be shown. */
export function pickerNotes(picker: PickerConfig | null, pools: readonly PoolConfig[]): readonly string[] {
  if (picker === null || (picker.tls?.clientCa ?? null) !== null) return [];
  const { host, pools: picked } = picker;
  if (staysHere(host)) return [];
  const keyed = pools.filter((pool) => picked.includes(pool.name) && hasKey(pool)).map(({ name }) => name);
  if (keyed.length === 0) return [];
  return [
    `picker.host: is ${host}, beyond loopback, and proxies need no certificate: whoever reaches the port is told the key for the servers of ${keyed.join(", ")}; set picker.clientCaFile`,
  ];
}

function hasKey(pool: PoolConfig): boolean {
  if (!("servers" in pool)) return false;
  return pool.apiKey !== null || pool.servers.access.some(({ authorization }) => authorization !== null);
}

/** Why a proxy cannot be sent to a pool's servers; null where it can. */
function refusalOf(pool: PoolConfig): string | null {
  if (pool.kind === "simulated")
    return "which is simulated: no proxy can reach it; expected a pool of servers";
  if (pool.kind === "disaggregated")
    return "whose requests take two servers, of which a proxy can be told one; expected a pool with `urls`";
  const odd = pool.servers.urls.find((url) => new URL(url).pathname !== "/");
  return odd === undefined ? null : `whose ${odd} has a path, which no address can say; expected none`;
}
