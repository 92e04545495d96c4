import type { Cadence } from "../../model/cadence.ts";
import type { Comparison } from "../../model/comparison.ts";
import { gpuCount } from "../../model/topology.ts";
import { LiveSimulation } from "./live-simulation.ts";
import { PoolThread } from "./pool-thread.ts";
import type { ThreadData } from "./protocol.ts";
import { SimulatedEngine } from "./simulated-engine.ts";
import { SimulatedPlane } from "./simulated-plane.ts";

export interface SimulatedPoolOptions extends ThreadData {
  readonly pool: string;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** A pool modelled in a thread of this process: the engine for requests, the plane for the control loop. */
export interface SimulatedPoolParts {
  readonly engine: SimulatedEngine;
  readonly plane: SimulatedPlane;
  /** What can be done to it while it runs. */
  readonly simulation: LiveSimulation;
  /** Sends the recorded tokens through every policy; `onProgress` receives the part done, 0..1. */
  compare(cadence: Cadence, onProgress: (part: number) => void): Promise<Comparison>;
}

/** Starts the thread. It makes no tokens before its plane has committed a snapshot. `engine.close()` ends it. */
export function simulatedPool({ pool, wallClock, ...data }: SimulatedPoolOptions): SimulatedPoolParts {
  const thread = new PoolThread(data);
  const engine = new SimulatedEngine({
    pool,
    model: data.model.name,
    ranks: gpuCount(data.topology),
    thread,
    wallClock,
  });
  return {
    engine,
    plane: new SimulatedPlane(pool, thread, data.topology),
    simulation: new LiveSimulation(thread),
    compare: (cadence, onProgress) => thread.ask<"compare">({ kind: "compare", cadence }, onProgress),
  };
}
