/** What is where, as `GET /ep/v1/placement` and `/shares` have it, both of one epoch. */
export interface Placed {
  readonly epoch: number;
  readonly slotsPerGpu: number;
  /** `[layers][slots]`: the expert that each slot holds, -1 for none; slots GPU by GPU. */
  readonly map: readonly (readonly number[])[];
  /** `[layers][slots]`: the part of its expert's tokens that each gets. */
  readonly shares: readonly (readonly number[])[];
}

export interface Replica {
  readonly gpu: number;
  /** Of the expert's tokens. */
  readonly share: number;
}

/** One of a GPU's experts. */
export interface HeldExpert {
  /** A row of the load. */
  readonly layer: number;
  readonly expert: number;
  /** What this GPU has of it, relative to a GPU's even part of its layer. */
  readonly load: number;
}

/** `[gpus]`: whether none of its slots holds anything. */
export function emptyGpus({ map, slotsPerGpu }: Placed): boolean[] {
  const empty = Array.from({ length: Math.ceil((map[0]?.length ?? 0) / slotsPerGpu) }, () => true);
  for (const row of map)
    for (const [slot, held] of row.entries()) if (held >= 0) empty[Math.floor(slot / slotsPerGpu)] = false;
  return empty;
}

/** The replicas of an expert, those with the most tokens first. */
export function replicasOf({ map, shares, slotsPerGpu }: Placed, layer: number, expert: number): Replica[] {
  const found: Replica[] = [];
  for (const [slot, held] of (map[layer] ?? []).entries())
    if (held === expert)
      found.push({ gpu: Math.floor(slot / slotsPerGpu), share: shares[layer]?.[slot] ?? 0 });
  return found.toSorted((a, b) => b.share - a.share);
}

/**
 * What a GPU has most of.
 * @param load `[layers][experts]`, relative to uniform
 */
export function heaviest(
  placed: Placed,
  load: readonly (readonly number[])[],
  gpu: number,
  count: number,
): HeldExpert[] {
  const { map, shares, slotsPerGpu } = placed;
  const held: HeldExpert[] = [];
  const serving = gpusInService(placed);
  for (const [layer, row] of map.entries()) {
    const loads = load[layer];
    if (loads === undefined) break;
    // An even part of a layer is as much as so many uniform experts.
    const evenPart = loads.length / serving;
    for (let slot = gpu * slotsPerGpu; slot < (gpu + 1) * slotsPerGpu; slot++) {
      const expert = row[slot];
      if (expert >= 0)
        held.push({ layer, expert, load: (loads[expert] * (shares[layer]?.[slot] ?? 0)) / evenPart });
    }
  }
  return held.toSorted((a, b) => b.load - a.load).slice(0, count);
}

/** How many GPUs hold an expert: a lost one has no part of the load. */
function gpusInService({ map, slotsPerGpu }: Placed): number {
  const serving = new Set<number>();
  for (const row of map)
    for (const [slot, expert] of row.entries()) if (expert >= 0) serving.add(Math.floor(slot / slotsPerGpu));
  return Math.max(1, serving.size);
}

/** `[layers][slots]`: what each slot gets, relative to an even one. */
export function slotLoad({ map, shares }: Placed, load: readonly (readonly number[])[]): number[][] {
  return map
    .slice(0, load.length)
    .map((row, layer) =>
      row.map((expert, slot) =>
        expert < 0
          ? 0
          : (load[layer][expert] * (shares[layer]?.[slot] ?? 0) * row.length) / load[layer].length,
      ),
    );
}

/** `[layers][experts]`: how many replicas each has. */
export function replicaCounts({ map }: Placed, experts: number): number[][] {
  return map.map((row) => {
    const counts = Array.from({ length: experts }, () => 0);
    for (const expert of row) if (expert >= 0) counts[expert]++;
    return counts;
  });
}
