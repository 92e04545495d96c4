import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type MoeModel, expertBytes } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";

/**
 * The layers in which two placements differ, in groups of which each GPU can hold the new experts beside the old ones.
 * @param stagingBytes what each GPU has to spare; a layer that takes more has a group of its own
 * @returns layer numbers, ascending
 */
export function chunkLayers(
  model: MoeModel,
  previous: Placement,
  next: Placement,
  stagingBytes: number,
): readonly (readonly number[])[] {
  const gpus = gpuCount(next.topology);
  const room = Math.floor(stagingBytes / expertBytes(model));
  const chunks: number[][] = [];
  const staged = new Int32Array(gpus);
  const received = new Int32Array(gpus);
  let chunk: number[] = [];
  for (let layer = 0; layer < next.layers; layer++) {
    if (sameLayer(previous, next, layer)) continue;
    countStaged(previous, next, layer, received);
    const fits = received.every((slots, gpu) => staged[gpu] + slots <= room);
    if (!fits && chunk.length > 0) {
      chunks.push(chunk);
      chunk = [];
      staged.fill(0);
    }
    chunk.push(layer);
    for (let gpu = 0; gpu < gpus; gpu++) staged[gpu] += received[gpu];
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** `placement` with these layers as `other` has them. */
export function withLayersOf(placement: Placement, other: Placement, layers: readonly number[]): Placement {
  const width = slotCount(placement.topology);
  const physicalToLogical = int32Copy(placement.physicalToLogical);
  for (const layer of layers) {
    for (let i = layer * width; i < (layer + 1) * width; i++)
      physicalToLogical[i] = other.physicalToLogical[i];
  }
  return { ...placement, physicalToLogical };
}

/** `[gpus]`, written: experts that a GPU has to hold beside what it uses. What goes into an empty slot is not among them. */
function countStaged(previous: Placement, next: Placement, layer: number, staged: Int32Array): void {
  const { topology } = next;
  const width = slotCount(topology);
  staged.fill(0);
  for (let slot = 0; slot < width; slot++) {
    const i = layer * width + slot;
    const expert = next.physicalToLogical[i];
    if (expert < 0 || previous.physicalToLogical[i] < 0 || previous.physicalToLogical[i] === expert) continue;
    staged[gpuOfSlot(topology, slot)]++;
  }
}

function sameLayer(a: Placement, b: Placement, layer: number): boolean {
  const width = slotCount(a.topology);
  for (let i = layer * width; i < (layer + 1) * width; i++) {
    if (a.physicalToLogical[i] !== b.physicalToLogical[i]) return false;
  }
  return true;
}
