import type { ModelSettings } from "../model/model-settings.ts";
import type { PoolConfig } from "./config.ts";
import { type Place, faultAt, inside } from "./place.ts";
import { unknownName } from "./unknown-name.ts";

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

/**
 * Models that are sound each by itself must also suit each other.
 * @param place where they are written
 * @throws InputError
 */
export function checkModels(
  models: readonly ModelSettings[],
  pools: readonly PoolConfig[],
  place: Place,
): void {
  const known = new Set([...models.map(({ name }) => name), ...pools.flatMap((pool) => pool.models)]);
  checkAliases(models, known, place);
  for (const model of models) {
    const { name, defaults, limits } = model;
    checkDefaults(defaults, limits.maxTokens, inside(place, name, "defaults"));
    checkFallback(model, known, pools, inside(place, name, "fallback"));
  }
  // A pool of the same name goes before a model.
  const others = models.filter(({ name }) => !pools.some((pool) => pool.name === name));
  for (const { name } of others) checkLoop(name, others, [name], inside(place, name, "fallback"));
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
      throw faultAt(at, unknownName(name, [...names, ...known], "expected a pool or a model"));
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
