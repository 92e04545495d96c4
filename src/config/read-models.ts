import { nearestWord } from "../lib/edit-distance.ts";
import type { ModelSettings, PoolShare } from "../model/model-settings.ts";
import type { PoolConfig } from "./config.ts";
import type { WrittenModel } from "./model-schema.ts";
import { type Place, faultAt, inside } from "./place.ts";

/** Those of one connection, and those that the gateway sets or reads itself: they reach nobody as a client sent them. */
const NOT_A_CLIENTS = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
  "accept-encoding",
  "x-request-id",
  "x-data-parallel-rank",
]);

/** Fields that every client decides for itself. */
const CLIENTS_OWN = new Set([
  "model",
  "messages",
  "prompt",
  "input",
  "stream",
  "background",
  "previous_response_id",
  "routed_dp_rank",
  "data_parallel_rank",
  "kv_transfer_params",
  "disaggregated_params",
  "bootstrap_host",
  "bootstrap_port",
  "bootstrap_room",
]);

/** All mean how many tokens may be generated. */
const MOST = ["max_tokens", "max_completion_tokens", "max_output_tokens"];

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
  const known = new Set([...models.map(({ name }) => name), ...pools.flatMap((pool) => pool.models)]);
  checkAliases(models, known, place);
  for (const model of models) checkFallback(model, known, pools, inside(place, model.name, "fallback"));
  for (const { name } of models) checkLoop(name, models, [name], inside(place, name, "fallback"));
  return models;
}

function readModel(
  name: string,
  { aliases = [], pools: shares, fallback = [], defaults = {}, limits = {}, shadow }: WrittenModel,
  pools: readonly PoolConfig[],
  place: Place,
): ModelSettings {
  const all = { maxTokens: limits.maxTokens ?? 0, maxInputTokens: limits.maxInputTokens ?? 0 };
  checkDefaults(defaults, all.maxTokens, inside(place, "defaults"));
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
  return { name, aliases, pools: served, fallback, defaults, limits: all, shadow: copies };
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
    throw faultAt(inside(place, "pool"), unknown(name, names, "expected the name of a pool"));
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

function checkDefaults(defaults: ModelSettings["defaults"], most: number, place: Place): void {
  for (const field of Object.keys(defaults))
    if (CLIENTS_OWN.has(field)) throw faultAt(inside(place, field), "is each client's own; remove it");
  const named = MOST.filter((field) => field in defaults);
  if (named.length > 1) {
    const hint = `is said by \`${named[0]}\` too; expected one of the two`;
    throw faultAt(inside(place, named[1]), hint);
  }
  for (const field of named) {
    const value = defaults[field];
    if (!Number.isInteger(value) || (value as number) < 1)
      throw faultAt(inside(place, field), `is ${JSON.stringify(value)}; expected a whole number above 0`);
    if (most > 0 && (value as number) > most)
      throw faultAt(
        inside(place, field),
        `is ${JSON.stringify(value)}; expected at most \`limits.maxTokens\`, which is ${most}`,
      );
  }
}

/** A name stands for one model. */
function checkAliases(models: readonly ModelSettings[], known: ReadonlySet<string>, place: Place): void {
  const owners = new Map<string, string>();
  for (const { name, aliases } of models) {
    for (const [i, alias] of aliases.entries()) {
      const at = inside(place, name, "aliases", i);
      if (known.has(alias))
        throw faultAt(at, `is "${alias}", which is a model itself; expected another name`);
      const owner = owners.get(alias);
      if (owner !== undefined)
        throw faultAt(at, `is "${alias}", as for "${owner}" too; expected a name of its own`);
      owners.set(alias, name);
    }
  }
}

function checkFallback(
  { pools: own, fallback }: ModelSettings,
  known: ReadonlySet<string>,
  pools: readonly PoolConfig[],
  place: Place,
): void {
  const names = pools.map(({ name }) => name);
  for (const [i, name] of fallback.entries()) {
    const at = inside(place, i);
    if (own.some(({ pool }) => pool === name))
      throw faultAt(at, `is "${name}", which serves the model anyway; remove it`);
    if (!names.includes(name) && !known.has(name))
      throw faultAt(at, unknown(name, [...names, ...known], "expected a pool or a model"));
  }
}

/** @param path from the model that the loop would begin with to the one at hand */
function checkLoop(
  start: string,
  models: readonly ModelSettings[],
  path: readonly string[],
  place: Place,
): void {
  const at = path[path.length - 1];
  const names = new Set(models.map(({ name }) => name));
  for (const next of models.find(({ name }) => name === at)?.fallback ?? []) {
    if (next === start)
      throw faultAt(place, `leads back to "${start}": ${[...path, next].join(" → ")}; expected no loop`);
    if (names.has(next) && !path.includes(next)) checkLoop(start, models, [...path, next], place);
  }
}

function unknown(name: string, known: readonly string[], expected: string): string {
  const near = nearestWord(name, known);
  return `is "${name}", which there is not; ${near === null ? expected : `did you mean \`${near}\`?`}`;
}
