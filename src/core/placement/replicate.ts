/** How many replicas each expert of a layer has. */
export interface Replicas {
  /** `[slots]`: the expert of each replica; the first replicas of all experts, in order, then the redundant ones. */
  readonly replicaOf: Int32Array;
  /** `[experts]`: replicas of each. */
  readonly counts: Int32Array;
}

/**
 * Gives every redundant slot to the expert whose replicas carry most (EPLB's `replicate_experts`): the greedy
 * choice that attains the least possible maximum of load / replicas. Ties go to the earlier expert.
 *
 * @param load `[experts]`
 * @param slots at least as many as experts
 * @param most  copies of one expert at most, such as the number of GPUs; slots that would go beyond stay unused
 */
export function replicate(load: Float64Array, slots: number, most = Number.POSITIVE_INFINITY): Replicas {
  const experts = load.length;
  const replicaOf = new Int32Array(slots);
  const counts = new Int32Array(experts).fill(1);
  for (let expert = 0; expert < experts; expert++) replicaOf[expert] = expert;
  for (let slot = experts; slot < slots; slot++) {
    let hottest = -1;
    for (let expert = 0; expert < experts; expert++) {
      if (counts[expert] >= most) continue;
      if (hottest < 0 || load[expert] / counts[expert] > load[hottest] / counts[hottest]) hottest = expert;
    }
    if (hottest < 0) return { replicaOf: replicaOf.subarray(0, slot), counts };
    replicaOf[slot] = hottest;
    counts[hottest]++;
  }
  return { replicaOf, counts };
}
