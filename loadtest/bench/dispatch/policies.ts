import type { DispatchFigures } from "../../../src/core/dispatch/dispatch-totals.ts";
import type { ReplicaMap } from "../../../src/core/dispatch/replica-chooser.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import { DISPATCH_POLICIES, type DispatchPolicy } from "../../../src/model/dispatch-policy.ts";
import { gpuCount } from "../../../src/model/topology.ts";
import { dispatch } from "../dispatched.ts";
import { loadOf, type RoutedTokens } from "../routed-tokens.ts";
import type { Placed } from "./placements.ts";

/** What one policy on one placement came to. */
export interface Measured extends DispatchFigures {
  readonly placement: string;
  readonly policy: DispatchPolicy;
  /** The balancedness that the placement allows where every batch's load is known, and hops do not count. */
  readonly possible: number;
}

/** Every policy on every placement, on the same batches. */
export function measurePolicies(
  placements: readonly Placed[],
  source: RoutedTokens,
  batches: readonly Int32Array[],
  seed: number,
): Measured[] {
  return placements.flatMap(({ name, map }) => {
    const possible = possibleBalancedness(map, source, batches);
    return DISPATCH_POLICIES.map((policy) => ({
      placement: name,
      policy,
      possible,
      ...dispatch(map, policy, source, batches, seed),
    }));
  });
}

export function measuredOf(
  measured: readonly Measured[],
  placement: string,
  policy: DispatchPolicy,
): Measured {
  const found = measured.find((m) => m.placement === placement && m.policy === policy);
  if (found === undefined) throw new RangeError(`${policy} on ${placement} was not measured`);
  return found;
}

function possibleBalancedness(
  { placement, replicas }: ReplicaMap,
  source: RoutedTokens,
  batches: readonly Int32Array[],
): number {
  let selections = 0;
  let fullest = 0;
  for (const rows of batches) {
    const load = loadOf(source, rows);
    for (const tokens of load.tokens) selections += tokens;
    for (const most of solveShares(placement, replicas, load).optimum) fullest += most;
  }
  return selections / gpuCount(placement.topology) / fullest;
}
