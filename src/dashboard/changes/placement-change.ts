/** What `GET /ep/v1/changes/:pool/:decision` answers, as far as this page reads it. */
export interface PlacementChange {
  readonly decision: number;
  readonly epochBefore: number;
  readonly epochAfter: number;
  readonly layers: number;
  readonly experts: number;
  readonly topology: {
    readonly nodes: number;
    readonly gpusPerNode: number;
    readonly slotsPerGpu: number;
  };
  readonly expertBytes: number;
  /** Row, slot, expert before, expert after (-1: nothing), 1 where its weights came from another GPU. */
  readonly slots: readonly (readonly [number, number, number, number, number])[];
  /** Row, expert, replicas before, load then (relative to an even part), place by that in the layer (0: not known). */
  readonly touched: readonly (readonly [number, number, number, number, number])[];
}

/** What has become of a slot's expert, or of an expert: more replicas than before; fewer; as many, elsewhere. */
export type ChangeKind = "gained" | "lost" | "moved";

export interface ChangedSlot {
  readonly slot: number;
  readonly gpu: number;
  /** -1 for nothing. */
  readonly before: number;
  readonly after: number;
  /** Of the expert that it holds now; a slot that holds none is `lost`. */
  readonly kind: ChangeKind;
}

export interface ChangedExpert {
  readonly layer: number;
  readonly expert: number;
  readonly kind: ChangeKind;
  readonly replicasBefore: number;
  readonly replicasAfter: number;
  /** As it was expected then, relative to an even part. */
  readonly load: number;
  /** By that in its layer, from 1; 0 where no load was known. */
  readonly place: number;
  /** Of slots that held it, and of those that hold it. */
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** What came to a GPU, and what went. */
export interface GpuMoves {
  readonly gpu: number;
  /** Replicas whose weights came from another GPU. */
  readonly came: number;
  /** Replicas that it does not hold any more. */
  readonly went: number;
}

/** A change as it is looked at: by slot, by expert and by GPU. */
export interface ReadChange {
  readonly change: PlacementChange;
  /** Slots of a layer. */
  readonly width: number;
  /** By row and slot; by row and expert: see `keyOf`. */
  readonly slots: ReadonlyMap<number, ChangedSlot>;
  readonly experts: ReadonlyMap<number, ChangedExpert>;
  /** `[gpus]` */
  readonly gpus: readonly GpuMoves[];
}

/** Rows of a model, and columns of a row, are fewer. */
const MOST_COLUMNS = 2 ** 20;

export function keyOf(row: number, column: number): number {
  return row * MOST_COLUMNS + column;
}

export function readChange(change: PlacementChange): ReadChange {
  const { nodes, gpusPerNode, slotsPerGpu } = change.topology;
  const gpus = nodes * gpusPerNode;
  const gpuOf = (slot: number) => Math.floor(slot / slotsPerGpu);
  const [from, to] = [new Map<number, number[]>(), new Map<number, number[]>()];
  for (const [row, slot, before, after] of change.slots) {
    if (before >= 0) listed(from, keyOf(row, before)).push(gpuOf(slot));
    if (after >= 0) listed(to, keyOf(row, after)).push(gpuOf(slot));
  }
  const experts = new Map<number, ChangedExpert>();
  for (const [layer, expert, replicasBefore, load, place] of change.touched) {
    const key = keyOf(layer, expert);
    const [left, reached] = [from.get(key) ?? [], to.get(key) ?? []];
    const replicasAfter = replicasBefore + reached.length - left.length;
    const kind =
      replicasAfter > replicasBefore ? "gained" : replicasAfter < replicasBefore ? "lost" : "moved";
    experts.set(key, {
      layer,
      expert,
      kind,
      replicasBefore,
      replicasAfter,
      load,
      place,
      from: left,
      to: reached,
    });
  }
  const slots = new Map<number, ChangedSlot>();
  const moves = Array.from({ length: gpus }, (_, gpu) => ({ gpu, came: 0, went: 0 }));
  for (const [row, slot, before, after, came] of change.slots) {
    const gpu = gpuOf(slot);
    const gained = experts.get(keyOf(row, after))?.kind === "gained";
    const kind = after < 0 ? "lost" : gained ? "gained" : "moved";
    slots.set(keyOf(row, slot), { slot, gpu, before, after, kind });
    moves[gpu].came += came;
    // Within a GPU, an expert may have gone to another slot.
    if (before >= 0 && !(to.get(keyOf(row, before)) ?? []).includes(gpu)) moves[gpu].went++;
  }
  return { change, width: gpus * slotsPerGpu, slots, experts, gpus: moves };
}

function listed(all: Map<number, number[]>, key: number): number[] {
  let found = all.get(key);
  if (found === undefined) all.set(key, (found = []));
  return found;
}

/** The heaviest first; of those as heavy, with more replicas gained or lost. */
export function weightiest({ experts }: ReadChange): ChangedExpert[] {
  const turned = ({ replicasBefore, replicasAfter }: ChangedExpert) =>
    Math.abs(replicasAfter - replicasBefore);
  return [...experts.values()].toSorted((a, b) => b.load - a.load || turned(b) - turned(a));
}

/** A layer's so many heaviest experts are its hot ones. */
export const HOT = 3;

/** How many of the slots that changed hold (of those that are empty: held) one of their layer's heaviest experts. */
export function hotSlots({ slots, experts }: ReadChange): number {
  let count = 0;
  for (const [key, { after, before }] of slots) {
    const row = Math.floor(key / MOST_COLUMNS);
    const place = experts.get(keyOf(row, after < 0 ? before : after))?.place ?? 0;
    if (place > 0 && place <= HOT) count++;
  }
  return count;
}
