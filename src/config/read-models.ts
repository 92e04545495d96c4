import { HOP_BY_HOP, RANK_HEADER } from "../model/request-headers.ts";
import type { ModelSettings, PoolShare } from "../model/model-settings.ts";
import { checkModels } from "./check-models.ts";
import type { PoolConfig } from "./config.ts";
import type { WrittenModel } from "./model-schema.ts";
import { type Place, faultAt, inside } from "./place.ts";
import { readLocality } from "./read-locality.ts";
import { unknownName } from "./unknown-name.ts";

/** Those of one connection, and those that the gateway sets or reads itself: they reach nobody as a client sent them. */
const NOT_A_CLIENTS = new Set([...HOP_BY_HOP, "x-request-id", RANK_HEADER]);

type Written = Readonly<Record<string, WrittenModel>>;

/**
 * What the configuration says of models beside the pools that name them.
 * @param place where they are written
 * @throws InputError
 */
export function readModels(
  written: Written,
  pools: readonly PoolConfig[],
  place: Place,
): readonly ModelSettings[] {
  const models = Object.entries(written).map(([name, model]) =>
    readModel(name, model, pools, inside(place, name)),
  );
  checkModels(models, pools, place);
  return models;
}

function readModel(
  name: string,
  written: WrittenModel,
  pools: readonly PoolConfig[],
  place: Place,
): ModelSettings {
  const { aliases = [], pools: shares, fallback = [], defaults = {}, limits = {}, shadow } = written;
  const all = { maxTokens: limits.maxTokens ?? 0, maxInputTokens: limits.maxInputTokens ?? 0 };
  const served =
    shares === undefined ? everyPool(name, pools, shadow?.pool) : readShares(name, shares, pools, place);
  if (served.length === 0)
    throw faultAt(
      place,
      "is in the `models` of no pool; expected a pool that names it, or `pools` that serve it under another name",
    );
  const copies = shadow === undefined ? null : readShadow(name, shadow, pools, inside(place, "shadow"));
  const inUse = [...served.map(({ pool }) => pool), ...fallback];
  if (copies !== null && inUse.includes(copies.pool))
    throw faultAt(
      inside(place, "shadow", "pool"),
      `is "${copies.pool}", which serves the model to clients; expected another pool`,
    );
  const locality =
    written.locality === undefined
      ? null
      : readLocality(written.locality, served, pools, inside(place, "locality"));
  return { name, aliases, pools: served, fallback, defaults, limits: all, shadow: copies, locality };
}

function readShadow(
  name: string,
  { pool, model = name, part = 1 }: NonNullable<WrittenModel["shadow"]>,
  pools: readonly PoolConfig[],
  place: Place,
): ModelSettings["shadow"] {
  checkServes(pool, model, pools, place);
  return { pool, model, part };
}

/** @param place names the pool, and where it is called so the model */
function checkServes(name: string, model: string, pools: readonly PoolConfig[], place: Place): void {
  const pool = pools.find((one) => one.name === name);
  if (pool === undefined) {
    const names = pools.map((one) => one.name);
    throw faultAt(inside(place, "pool"), unknownName(name, names, "expected the name of a pool"));
  }
  if (pool.models.includes(model)) return;
  const hint = `does not serve "${model}"; expected \`model:\` with its name there: ${pool.models.join(", ")}`;
  throw faultAt(place, `names pool "${name}", which ${hint}`);
}

/** @param shadow the pool that copies go to */
function everyPool(name: string, pools: readonly PoolConfig[], shadow?: string): PoolShare[] {
  const serving = pools.filter((pool) => pool.models.includes(name) && pool.name !== shadow);
  return serving.map((pool) => ({ pool: pool.name, model: name, weight: null, header: {} }));
}

function readShares(
  name: string,
  shares: NonNullable<WrittenModel["pools"]>,
  pools: readonly PoolConfig[],
  place: Place,
): PoolShare[] {
  const weighed = shares.some(({ weight }) => weight !== undefined);
  const seen = new Set<string>();
  const read = shares.map(({ pool: poolName, model = name, weight, header = {} }, i): PoolShare => {
    const at = inside(place, "pools", i);
    checkServes(poolName, model, pools, at);
    if (seen.has(poolName))
      throw faultAt(inside(at, "pool"), `is "${poolName}" again; expected each pool once`);
    seen.add(poolName);
    const taken = Object.keys(header).find((one) => NOT_A_CLIENTS.has(one));
    if (taken !== undefined)
      throw faultAt(inside(at, "header"), `names ${taken}, which proxies take off; expected another header`);
    return { pool: poolName, model, weight: weighed ? (weight ?? 1) : null, header };
  });
  if (weighed && read.every(({ weight }) => weight === 0))
    throw faultAt(
      inside(place, "pools"),
      "has no weight above 0; expected one, for the requests that ask for no pool",
    );
  return read;
}
