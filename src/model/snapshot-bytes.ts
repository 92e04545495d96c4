import {
  type Shape,
  checkVersion,
  demand,
  list,
  number,
  readJson,
  record,
  text,
  whole,
  word,
} from "../lib/shape.ts";
import { indexReplicas } from "./placement.ts";
import { placementShape, withMap } from "./placement-shape.ts";
import type { RoutingSnapshot } from "./snapshot.ts";
import { gpuCount, slotCount } from "./topology.ts";

const VERSION = 1;
const HEAD_AT = 8;
/** Shares are computed. */
const ROUNDING = 1e-6;

/** All but the arrays. */
type Head = Omit<RoutingSnapshot, "placement" | "replicas" | "shares"> & {
  readonly placement: Omit<RoutingSnapshot["placement"], "physicalToLogical">;
};

const heads: Shape<Head> = record<Head>({
  pool: text,
  model: text,
  epoch: whole(),
  change: record({
    kind: word(["shares", "placement"], "placement"),
    reason: text,
    atMs: number(),
    movedSlots: number(0),
    movedBytes: number(0),
  }),
  placement: placementShape,
  missing: list(record({ layer: whole(), experts: list(whole()) })),
});

/**
 * A snapshot as bytes, little-endian: the version and the length of what follows as uint32; JSON of all but the arrays;
 * then, from the next multiple of 8 on, the shares `[layers][slots]` and prices `[layers][gpus]` as float64 and the map
 * `[layers][slots]` as int32. Replicas follow from the map.
 */
export function encodeSnapshot(snapshot: RoutingSnapshot): Uint8Array {
  const { placement, replicas: _, shares, ...rest } = snapshot;
  const { physicalToLogical, ...shape } = placement;
  const head = new TextEncoder().encode(JSON.stringify({ ...rest, placement: shape }));
  const at = aligned(HEAD_AT + head.length);
  const doubles = shares.values.length + shares.prices.length;
  const bytes = new Uint8Array(at + 8 * doubles + 4 * physicalToLogical.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VERSION, true);
  view.setUint32(4, head.length, true);
  bytes.set(head, HEAD_AT);
  const numbers = new Float64Array(bytes.buffer, at, doubles);
  numbers.set(shares.values);
  numbers.set(shares.prices, shares.values.length);
  new Int32Array(bytes.buffer, at + 8 * doubles).set(physicalToLogical);
  return bytes;
}

/** A snapshot that shares nothing with `bytes`. @throws Unreadable when they are none of this version */
export function decodeSnapshot(bytes: Uint8Array): RoutingSnapshot {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  demand(bytes.length >= HEAD_AT, "it is cut short");
  checkVersion(view.getUint32(0, true));
  const headLength = view.getUint32(4, true);
  const head = readJson(bytes.subarray(HEAD_AT, HEAD_AT + headLength), heads);
  const { layers, experts, topology } = head.placement;
  const slots = layers * slotCount(topology);
  const prices = layers * gpuCount(topology);
  // Not `slice`, which does not copy where the bytes are a Buffer.
  const numbers = new Uint8Array(bytes.subarray(aligned(HEAD_AT + headLength)));
  demand(numbers.length === 8 * (slots + prices) + 4 * slots, "it is cut short, or too long");
  const values = new Float64Array(numbers.buffer, 0, slots);
  demand(
    values.every((share) => share > -ROUNDING && share < 1 + ROUNDING),
    "a share is not in 0..1",
  );
  const priceList = new Float64Array(numbers.buffer, 8 * slots, prices);
  demand(priceList.every(Number.isFinite), "a price is no number");
  demand(
    head.missing.every((one) => one.layer < layers && one.experts.every((expert) => expert < experts)),
    "an expert is missing that there is not",
  );
  const placement = withMap(head.placement, new Int32Array(numbers.buffer, 8 * (slots + prices), slots));
  return { ...head, placement, replicas: indexReplicas(placement), shares: { values, prices: priceList } };
}

function aligned(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
