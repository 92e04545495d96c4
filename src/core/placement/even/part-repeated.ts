import type { EvenLayer } from "./even-layer.ts";

/**
 * Swaps second slots of an expert on a GPU with slots of other GPUs, where that makes neither GPU fuller than the layer's
 * fullest: it is as level as before, and nothing is held twice for nothing.
 */
export function partRepeated(layer: EvenLayer): void {
  const { row, capacity } = layer;
  const { slotsPerGpu } = layer.topology;
  const slots = new Int32Array(2);
  const experts = new Int32Array(2);
  for (let gpu = 0; gpu < layer.gpus; gpu++) {
    for (let slot = gpu * slotsPerGpu; slot < gpu * slotsPerGpu + capacity.slots[gpu]; slot++) {
      if (row[slot] < 0 || layer.held(gpu, row[slot]) < 2) continue;
      const other = partner(layer, gpu, slot);
      if (other < 0) continue;
      slots[0] = slot;
      slots[1] = other;
      experts[0] = row[other];
      experts[1] = row[slot];
      layer.change(slots, experts, 2);
    }
  }
}

/** The slot of another GPU to swap with; −1 for none. */
function partner(layer: EvenLayer, gpu: number, slot: number): number {
  const { row, parts, levels, capacity, max } = layer;
  const { slotsPerGpu } = layer.topology;
  const { speeds } = capacity;
  const expert = row[slot];
  for (let other = 0; other < layer.gpus; other++) {
    if (other === gpu || layer.held(other, expert) > 0 || !layer.mayHold(other, expert)) continue;
    for (let to = other * slotsPerGpu; to < other * slotsPerGpu + capacity.slots[other]; to++) {
      const there = row[to];
      if (there < 0 || layer.held(gpu, there) > 0) continue;
      const less = parts[expert] - parts[there];
      if (levels[gpu] - less / speeds[gpu] > max || levels[other] + less / speeds[other] > max) continue;
      if (layer.mayHold(gpu, there)) return to;
    }
  }
  return -1;
}
