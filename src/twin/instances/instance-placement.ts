import { activationLoad } from "../../core/placement/activation.ts";
import { HOP_WEIGHT } from "../../core/placement/coactivation.ts";
import { placeExperts } from "../../core/placement/place-experts.ts";
import { emptyLoad } from "../../model/load.ts";
import { indexReplicas } from "../../model/placement.ts";
import { fullCapacity } from "../../model/pool-capacity.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";
import { type RequestTokens, promptRows } from "./request-tokens.ts";

/** Tokens of prompts that placements are made for hops with. */
const SAMPLED = 4096;

interface PlacedPool {
  readonly trace: RoutingTrace;
  readonly experts: number;
  readonly requests: RequestTokens;
  readonly topology: Topology;
  readonly batch: number;
}

/**
 * Where an instance has its experts when they are placed for the prompts of its requests: so that each GPU has as many
 * to read in a step, and those that are used together are on a node.
 * @param queue the instance's requests
 * @returns `[layers][experts]`: the slot of each; null where no prompt says anything
 */
export function placedFor(pool: PlacedPool, queue: readonly number[]): Int32Array | null {
  const { trace, experts, requests, topology, batch } = pool;
  const { layers, topk } = trace;
  const width = layers * topk;
  const load = emptyLoad(layers, experts);
  const prompts = queue.map((request) => promptRows(requests, request));
  const tokens = prompts.reduce((sum, { length }) => sum + length, 0);
  const every = Math.max(1, Math.ceil(tokens / SAMPLED));
  const sample = new Int16Array(Math.ceil(tokens / every) * width);
  let at = 0;
  for (const rows of prompts) {
    for (const row of rows) {
      const ids = trace.experts.subarray(row * width, (row + 1) * width);
      for (let i = 0; i < width; i++) {
        if (ids[i] >= 0) load.tokens[Math.floor(i / topk) * experts + ids[i]]++;
      }
      if (at % every === 0) sample.set(ids, (at / every) * width);
      at++;
    }
  }
  if (load.tokens.every((count) => count === 0)) return null;
  const known = { tokens: sample.length / width, layers, topk, experts: sample };
  const together = topology.nodes > 1;
  const placement = placeExperts({
    load: activationLoad(load, batch, topk),
    topology,
    capacity: fullCapacity(topology),
    coactivation: together ? { sample: known, groups: 1, hopWeight: HOP_WEIGHT } : null,
  });
  const { offsets, slots } = indexReplicas(placement);
  return Int32Array.from({ length: layers * experts }, (_, i) => slots[offsets[i]]);
}
