import type { ServingPool } from "../serving-pool.ts";

/** A pool that serves a model. */
export interface ModelPlace {
  readonly pool: ServingPool;
  /** The name by which the shards that serve it are found. */
  readonly model: string;
  /** The name the engine wants in place of the client's; null to keep the client's. */
  readonly asked: string | null;
}
