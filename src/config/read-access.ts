import type { z } from "zod";
import { type AccessConfig, type AccessKey, type Role, asksClients } from "./access-config.ts";
import { keysSchema } from "./access-schema.ts";
import { checkShape } from "./check-shape.ts";
import { expiryNotes } from "./expiry-note.ts";
import type { NamedFiles } from "./named-files.ts";
import { type Place, faultAt, inside } from "./place.ts";
import { readJwt } from "./read-jwt.ts";
import { isSection } from "./section.ts";
import type { settingsSchema } from "./settings-schema.ts";
import { readYamlFile } from "./yaml-file.ts";

type Settings = z.output<typeof settingsSchema>;
type WrittenKeys = z.output<typeof keysSchema>;
type WrittenKey = WrittenKeys[string];

/** What keys say of their tenants, beside what `admission.tenants` says of others. */
type TenantTerms = Settings["admission"]["tenants"];

export interface AccessTerms {
  readonly files: NamedFiles;
  readonly tenants: TenantTerms;
  readonly pools: readonly { readonly name: string }[];
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

export interface ReadAccess {
  readonly access: AccessConfig;
  readonly tenants: TenantTerms;
  readonly notes: readonly string[];
}

/** Which settings only keys of a role have. */
const ONLY_OF: Partial<Record<keyof WrittenKey, Role>> = {
  tenant: "client",
  models: "client",
  limits: "client",
  priority: "client",
  pools: "engine",
  ranks: "engine",
};

/**
 * Who may ask: keys of the configuration and of `access.keysFile`, and whose tokens are believed.
 * @param place where `access` is written
 * @throws InputError
 */
export async function readAccess(
  { keys, keysFile, jwt, anonymous }: Settings["access"],
  place: Place,
  terms: AccessTerms,
): Promise<ReadAccess> {
  const here = inside(place, "keys");
  const all = Object.entries(keys).map(([id, key]) => [id, key, inside(here, id)] as const);
  if (keysFile !== null) {
    const file = await readYamlFile(terms.files.find(keysFile, inside(place, "keysFile")));
    const there: Place = { sourceOf: file.sourceOf, field: [] };
    const written = file.value ?? {};
    if (!isSection(written))
      throw faultAt(there, "is not a mapping; expected keys by name, as `plimsoll key` prints them");
    const more = checkShape(keysSchema, written, file.sourceOf);
    for (const [id, key] of Object.entries(more)) all.push([id, key, inside(there, id)]);
  }
  const holders = new Map<string, string>();
  const read: AccessKey[] = [];
  const tenants: TenantTerms = {};
  for (const [id, key, at] of all) {
    if (read.some((one) => one.id === id)) throw faultAt(at, "is the name of another key; choose its own");
    const holder = holders.get(key.hash);
    if (holder !== undefined)
      throw faultAt(inside(at, "hash"), `is that of key "${holder}" too; make a key for each`);
    holders.set(key.hash, id);
    read.push(readKey(id, key, at, terms));
    const { limits, priority } = key;
    if (limits === undefined && priority === undefined) continue;
    if (key.tenant !== undefined || Object.hasOwn(terms.tenants, id)) {
      const shared = key.tenant ?? id;
      const setting = limits === undefined ? "priority" : "limits";
      throw faultAt(
        inside(at, setting),
        `is of the tenant "${shared}", who may have other keys; write it in admission.tenants`,
      );
    }
    tenants[id] = { ...limits, ...(priority === undefined ? {} : { priority }) };
  }
  const access = { keys: read, jwt: readJwt(jwt, inside(place, "jwt"), terms.files), anonymous };
  if (anonymous && asksClients(access))
    throw faultAt(
      inside(place, "anonymous"),
      "is true, and there are keys or tokens of clients, which every request has to show then; remove one of the two",
    );
  const notes = read.flatMap(({ id, expiresMs }) =>
    expiryNotes(`access.keys: "${id}"`, expiresMs, terms.nowMs),
  );
  return { access, tenants, notes };
}

function readKey(id: string, key: WrittenKey, at: Place, { pools }: AccessTerms): AccessKey {
  const { hash, role = "client", tenant = id, models = null, expires } = key;
  for (const [setting, only] of Object.entries(ONLY_OF)) {
    if (only === role || !Object.hasOwn(key, setting)) continue;
    throw faultAt(inside(at, setting), `is for keys of ${only}s, and this one is of an ${role}; remove it`);
  }
  for (const [i, name] of (key.pools ?? []).entries()) {
    if (pools.some((pool) => pool.name === name)) continue;
    const names = pools.map((pool) => pool.name).join(", ");
    throw faultAt(
      inside(at, "pools", i),
      `is "${name}", and there is no such pool; expected one of ${names}`,
    );
  }
  const expiresMs = expires === undefined ? null : Date.parse(expires);
  if (Number.isNaN(expiresMs))
    throw faultAt(inside(at, "expires"), `is ${expires ?? ""}, which no calendar has; expected a day`);
  return {
    id,
    hash: hash.slice("sha256:".length),
    role,
    tenant,
    models,
    expiresMs,
    pools: key.pools ?? null,
    ranks: key.ranks === undefined ? null : key.ranks.split(",").map((range) => rangeOf(range, at)),
  };
}

function rangeOf(range: string, at: Place): readonly [number, number] {
  const [first, last = first] = range.split("-").map(Number);
  if (last < first) throw faultAt(inside(at, "ranks"), `has ${range}; expected the lower rank first`);
  return [first, last];
}
