import type { Clock } from "../../lib/clock.ts";
import { Rng } from "../../lib/rng.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RankAssignment } from "../../model/rank-assignment.ts";
import type { Topology } from "../../model/topology.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { ComposedAssigner } from "./composed-assigner.ts";
import { LeastInFlightAssigner } from "./least-in-flight-assigner.ts";
import type { RankAssigner } from "./rank-assigner.ts";
import { RoutedAssigner } from "./routed-assigner.ts";

export interface AssignerOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly ranks: number;
  readonly routing: RoutingSource;
  readonly seed: number;
  readonly clock: Clock;
  /** What a rank can hold. */
  readonly kvCapacityTokens: number;
  readonly runningPerRank: number;
  /** In force at first. */
  readonly map: ReplicaMap;
}

/** The assigner of that name; one that is given stays. */
export function assignerOf(
  assignment: RankAssignment | RankAssigner,
  options: AssignerOptions,
): RankAssigner {
  if (typeof assignment !== "string") return assignment;
  if (assignment === "least-in-flight") return new LeastInFlightAssigner(new Rng(options.seed, 4));
  if (assignment === "composed") return new ComposedAssigner(options, options.map);
  return new RoutedAssigner({ ...options, policy: assignment, home: null });
}
