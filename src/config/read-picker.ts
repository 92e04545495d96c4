import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { z } from "zod";
import type { PoolConfig } from "./config.ts";
import type { PickerConfig, PickerTls, pickerSchema } from "./picker-config.ts";
import { isLocalName, isLoopback } from "./loopback.ts";
import { type Place, type SourceOf, faultAt, inside } from "./place.ts";

/**
 * @param folderOf from where the path of a setting leads
 * @returns null where there is no picker
 * @throws InputError
 */
export function readPicker(
  { port, pools: named, host, endpoints, ...files }: z.output<typeof pickerSchema>,
  pools: readonly PoolConfig[],
  sourceOf: SourceOf,
  folderOf: (field: readonly PropertyKey[]) => string,
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
  return { host, port, pools: chosen, endpoints, tls: readFiles(files, place, folderOf) };
}

/** What a person should know whose picker tells whoever reaches it what servers want to be shown. */
export function pickerNotes(picker: PickerConfig | null, pools: readonly PoolConfig[]): readonly string[] {
  if (picker === null || (picker.tls?.clientCa ?? null) !== null) return [];
  const { host, pools: picked } = picker;
  if (isLocalName(host) || isLoopback(host)) return [];
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

type Files = Pick<z.output<typeof pickerSchema>, "certFile" | "keyFile" | "clientCaFile">;

function readFiles(
  { certFile, keyFile, clientCaFile }: Files,
  place: Place,
  folderOf: (field: readonly PropertyKey[]) => string,
): PickerTls | null {
  const read = (setting: keyof Files, path: string | null) => {
    if (path === null) return null;
    const at = inside(place, setting);
    const name = resolve(folderOf(at.field), path);
    try {
      return readFileSync(name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw faultAt(at, `names ${name}, which cannot be read (${code}); name a readable file`);
    }
  };
  const cert = read("certFile", certFile);
  const key = read("keyFile", keyFile);
  const clientCa = read("clientCaFile", clientCaFile);
  if (cert === null && key === null && clientCa === null) return null;
  if (cert === null || key === null) {
    const hint = "is missing; expected a certificate and its key together";
    throw faultAt(inside(place, cert === null ? "certFile" : "keyFile"), hint);
  }
  try {
    createSecureContext({ cert, key, ...(clientCa === null ? {} : { ca: clientCa }) });
  } catch {
    throw faultAt(inside(place, "certFile"), "holds no certificate in PEM form that goes with `keyFile`");
  }
  return { cert, key, clientCa };
}
