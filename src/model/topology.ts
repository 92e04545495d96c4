/** The GPUs of one pool (one expert-parallel group): every GPU holds `slotsPerGpu` physical experts per layer. */
export interface Topology {
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
}

/** GPUs (= ranks) of the pool. */
export function gpuCount(t: Topology): number {
  return t.nodes * t.gpusPerNode;
}

/** Physical experts (slots) per layer over the whole pool; slots are numbered GPU-major. */
export function slotCount(t: Topology): number {
  return t.nodes * t.gpusPerNode * t.slotsPerGpu;
}

export function gpuOfSlot(t: Topology, slot: number): number {
  return Math.floor(slot / t.slotsPerGpu);
}

export function nodeOfGpu(t: Topology, gpu: number): number {
  return Math.floor(gpu / t.gpusPerNode);
}

/** For people: `4 nodes × 8 GPUs`. */
export function sayGpus({ nodes, gpusPerNode }: Topology): string {
  return `${nodes} node${nodes === 1 ? "" : "s"} × ${gpusPerNode} GPU${gpusPerNode === 1 ? "" : "s"}`;
}
