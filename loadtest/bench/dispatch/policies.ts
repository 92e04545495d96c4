import type { DispatchFigures } from "../../../src/core/dispatch/dispatch-totals.ts";
import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import { DISPATCH_POLICIES, type DispatchPolicy } from "../../../src/model/dispatch-policy.ts";
import { gpuCount } from "../../../src/model/topology.ts";
import { dispatch, givenSources } from "../dispatched.ts";
import { loadOf, type RoutedTokens } from "../routed-tokens.ts";
import type { Placed } from "./placements.ts";

/** What one policy on one placement came to. */
export interface Measured extends DispatchFigures {
  readonly placement: string;
  readonly policy: DispatchPolicy;
  /** The balancedness that the placement allows where every batch's load is known, and hops do not count. */
  readonly possible: number;
  /** Tokens that start on the GPU where most do, against the mean; over all batches. */
  readonly fullestSource: number;
}

/**
 * Every policy on every placement, on the same batches.
 * @param sourcesOn where the tokens of every batch start
 */
export function measurePolicies(
  placements: readonly Placed[],
  source: RoutedTokens,
  batches: readonly Int32Array[],
  seed: number,
  sourcesOn: (map: ReplicaMap) => readonly Int32Array[] = (map) => givenSources(map, batches),
): Measured[] {
  return placements.flatMap(({ name, map }) => {
    const sources = sourcesOn(map);
    const possible = possibleBalancedness(map, source, batches);
    const fullestSource = unevenness(sources, gpuCount(map.placement.topology));
    return DISPATCH_POLICIES.map((policy) => ({
      placement: name,
      policy,
      possible,
      fullestSource,
      ...dispatch(map, policy, source, batches, seed, sources),
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

/** Σ max / Σ mean of the tokens per GPU. */
function unevenness(sources: readonly Int32Array[], gpus: number): number {
  let most = 0;
  let tokens = 0;
  for (const batch of sources) {
    const counts = new Int32Array(gpus);
    for (const gpu of batch) counts[gpu]++;
    most += Math.max(...counts);
    tokens += batch.length;
  }
  return (most * gpus) / tokens;
}
