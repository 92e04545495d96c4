import {
  type Shape,
  demand,
  list,
  nullOr,
  number,
  readJson,
  record,
  whole,
  writeJson,
} from "../../lib/shape.ts";
import { WholeReader, WholeWriter } from "../../lib/whole-bytes.ts";
import type { PlacedForecast, PlacementChange, PoolChanges } from "../../model/placement-change.ts";
import { topologyShape } from "../../model/placement-shape.ts";
import { slotCount } from "../../model/topology.ts";

const JSON_AT = 4;
/** A slot is three numbers, an expert four: of a byte at least. */
const SLOT_BYTES = 3;
const EXPERT_BYTES = 4;

/** How much of each follows. */
type ChangeHead = Omit<PlacementChange, "slots" | "touched"> & {
  readonly slots: number;
  readonly touched: number;
};

const heads = record({
  forecast: nullOr(record({ decision: whole(1), atMs: number(), layers: whole(1), experts: whole(1) })),
  changes: list<ChangeHead>(
    record<ChangeHead>({
      decision: whole(1),
      epochBefore: whole(),
      epochAfter: whole(),
      layers: whole(1),
      experts: whole(1),
      topology: topologyShape,
      slots: whole(),
      touched: whole(),
    }),
  ),
}) satisfies Shape<object>;

/**
 * The value `changes` of a pool's store: the length of the JSON as uint32, little-endian; the JSON, which says how many
 * numbers follow; then, as whole numbers (`lib/whole-bytes.ts`), the forecast's loads in hundredths, and of each change its
 * slots (how far behind the one before, the expert before + 1, twice the expert after + 1 and whether it came from another
 * GPU) and the experts of these (how far behind, replicas before, load in hundredths, place).
 */
export function encodeChanges({ forecast, changes }: PoolChanges): Uint8Array {
  const json = writeJson({ forecast: forecastHead(forecast), changes: changes.map(changeHead) });
  const writer = new WholeWriter();
  for (const row of forecast?.load ?? []) for (const load of row) writer.write(Math.round(100 * load));
  for (const { slots, touched } of changes) {
    const { at, before, after, came } = slots;
    for (let i = 0; i < at.length; i++) {
      writer.write(at[i] - (at[i - 1] ?? 0));
      writer.write(before[i] + 1);
      writer.write(2 * (after[i] + 1) + came[i]);
    }
    for (let i = 0; i < touched.at.length; i++) {
      writer.write(touched.at[i] - (touched.at[i - 1] ?? 0));
      writer.write(touched.replicasBefore[i]);
      writer.write(touched.load[i]);
      writer.write(touched.place[i]);
    }
  }
  const { bytes: numbers } = writer;
  const bytes = new Uint8Array(JSON_AT + json.length + numbers.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, JSON_AT);
  bytes.set(numbers, JSON_AT + json.length);
  return bytes;
}

/** @throws Unreadable */
export function decodeChanges(bytes: Uint8Array): PoolChanges {
  demand(bytes.length >= JSON_AT, "it is cut short");
  const end = JSON_AT + new DataView(bytes.buffer, bytes.byteOffset, JSON_AT).getUint32(0, true);
  demand(bytes.length >= end, "it is cut short");
  const { forecast, changes } = readJson(bytes.subarray(JSON_AT, end), heads);
  // What memory is taken follows from the bytes that are there.
  const least = changes.reduce(
    (sum, { slots, touched }) => sum + SLOT_BYTES * slots + EXPERT_BYTES * touched,
    forecast === null ? 0 : forecast.layers * forecast.experts,
  );
  demand(least <= bytes.length - end, "it is cut short");
  const reader = new WholeReader(bytes.subarray(end));
  const load = forecast === null ? null : { ...forecast, load: readLoad(reader, forecast) };
  const read = changes.map((head) => readChange(reader, head));
  reader.end();
  return {
    forecast: load === null ? null : { decision: load.decision, atMs: load.atMs, load: load.load },
    changes: read,
  };
}

function forecastHead(forecast: PlacedForecast | null): object | null {
  if (forecast === null) return null;
  const { decision, atMs, load } = forecast;
  return { decision, atMs, layers: load.length, experts: load[0].length };
}

function changeHead({ slots, touched, ...rest }: PlacementChange): ChangeHead {
  return { ...rest, slots: slots.at.length, touched: touched.at.length };
}

function readLoad(
  reader: WholeReader,
  { layers, experts }: { readonly layers: number; readonly experts: number },
): number[][] {
  return Array.from({ length: layers }, () => Array.from({ length: experts }, () => reader.read() / 100));
}

function readChange(reader: WholeReader, head: ChangeHead): PlacementChange {
  const { layers, experts, topology } = head;
  const slots = {
    at: new Int32Array(head.slots),
    before: new Int32Array(head.slots),
    after: new Int32Array(head.slots),
    came: new Uint8Array(head.slots),
  };
  const nextSlot = ascending(reader, layers * slotCount(topology));
  for (let i = 0; i < head.slots; i++) {
    slots.at[i] = nextSlot();
    slots.before[i] = within(reader.read(), experts + 1) - 1;
    const after = reader.read();
    slots.after[i] = within(Math.floor(after / 2), experts + 1) - 1;
    slots.came[i] = after % 2;
  }
  const touched = {
    at: new Int32Array(head.touched),
    replicasBefore: new Int32Array(head.touched),
    load: new Int32Array(head.touched),
    place: new Int32Array(head.touched),
  };
  const nextExpert = ascending(reader, layers * experts);
  for (let i = 0; i < head.touched; i++) {
    touched.at[i] = nextExpert();
    touched.replicasBefore[i] = within(reader.read(), slotCount(topology) + 1);
    touched.load[i] = within(reader.read(), 2 ** 31);
    touched.place[i] = within(reader.read(), experts + 1);
  }
  return { ...head, slots, touched };
}

/** @returns reads the next, which is above the one before */
function ascending(reader: WholeReader, end: number): () => number {
  let last = -1;
  return () => {
    const step = reader.read();
    demand(last < 0 || step > 0, "it does not ascend");
    last = within(Math.max(0, last) + step, Math.min(end, 2 ** 31));
    return last;
  };
}

function within(value: number, end: number): number {
  demand(value < end, "it names what there is not");
  return value;
}
