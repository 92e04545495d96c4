import type { ControlledPool } from "../control/controlled-pool.ts";
import { StoreUnreachable } from "../control/store.ts";
import { InputError } from "../lib/errors.ts";
import { HttpError } from "./errors.ts";

/** A route with the pool in its path. */
export interface PoolRoute {
  Params: { pool: string };
}

/** @throws HttpError where no pool with an expert plane has that name */
export function poolNamed(pools: readonly ControlledPool[], name: unknown): ControlledPool {
  const pool = pools.find(({ loop }) => loop.pool === name);
  if (pool === undefined)
    throw new HttpError("pool_not_found", `No pool with an expert plane is named ${JSON.stringify(name)}.`);
  return pool;
}

/** @throws InputError */
export function record(body: unknown): Record<string, unknown> {
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>;
  throw new InputError("body", "", "is no JSON object; expected one with `pool`");
}

/** Waits for the store, through which messages go to a pool's leader. @throws HttpError while it does not answer */
export async function fromStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof StoreUnreachable)
      throw new HttpError("store_unreachable", "The store does not answer; nothing was done. Try again.");
    throw error;
  }
}
