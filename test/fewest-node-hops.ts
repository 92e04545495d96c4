import type { ReplicaMap } from "../src/model/replica-map.ts";
import type { TokenBatch } from "../src/core/dispatch/token-batch.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu } from "../src/model/topology.ts";
import { selection } from "./random-dispatch.ts";
import { leastValue } from "./least-value.ts";

/** The fewest node hops of a layer's dispatch that gives no GPU more than `most` selections, as HiGHS finds them. */
export function fewestNodeHops(
  { placement, replicas }: ReplicaMap,
  layer: number,
  batch: TokenBatch,
  most: number,
): number {
  const { experts, topology } = placement;
  const onGpu: string[][] = Array.from({ length: gpuCount(topology) }, () => []);
  const choices: string[] = [];
  const visits = new Set<string>();
  const rows: string[] = [];
  for (let o = 0; o < batch.tokens * batch.topk; o++) {
    const expert = selection(batch, layer, o);
    if (expert < 0) continue;
    const token = Math.floor(o / batch.topk);
    const row = layer * experts + expert;
    const slots = replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1]);
    rows.push(`${Array.from(slots, (slot) => `x${o}_${slot}`).join(" + ")} = 1`);
    for (const slot of slots) {
      const gpu = gpuOfSlot(topology, slot);
      const node = nodeOfGpu(topology, gpu);
      choices.push(`x${o}_${slot}`);
      onGpu[gpu].push(`x${o}_${slot}`);
      if (node === nodeOfGpu(topology, batch.sources[token])) continue;
      visits.add(`y${token}_${node}`);
      rows.push(`x${o}_${slot} - y${token}_${node} <= 0`);
    }
  }
  if (visits.size === 0) return 0;
  for (const names of onGpu) if (names.length > 0) rows.push(`${names.join(" + ")} <= ${most}`);
  const binaries = [...choices, ...visits].join(" ");
  const program = `Minimize\n${[...visits].join(" + ")}\nSubject To\n${rows.join("\n")}\nBinary\n${binaries}\nEnd`;
  return Math.round(leastValue(program));
}
