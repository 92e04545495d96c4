import { type Placement, indexReplicas } from "./placement.ts";
import type { RoutingSnapshot } from "./snapshot.ts";
import { gpuCount, slotCount } from "./topology.ts";

const VERSION = 1;
const HEAD_AT = 8;

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

/** A snapshot that shares nothing with `bytes`. @throws RangeError when they are no snapshot of this version */
export function decodeSnapshot(bytes: Uint8Array): RoutingSnapshot {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD_AT || view.getUint32(0, true) !== VERSION)
    throw new RangeError("these bytes are no snapshot of this version");
  const headLength = view.getUint32(4, true);
  const head = new TextDecoder().decode(bytes.subarray(HEAD_AT, HEAD_AT + headLength));
  const { placement: shape, ...rest } = JSON.parse(head) as Omit<RoutingSnapshot, "replicas" | "shares">;
  const slots = shape.layers * slotCount(shape.topology);
  const prices = shape.layers * gpuCount(shape.topology);
  const at = aligned(HEAD_AT + headLength);
  // Not `slice`, which does not copy where the bytes are a Buffer.
  const numbers = new Uint8Array(bytes.subarray(at));
  if (numbers.length !== 8 * (slots + prices) + 4 * slots)
    throw new RangeError(`a snapshot of ${bytes.length} bytes is cut short or too long`);
  const physicalToLogical = new Int32Array(numbers.buffer, 8 * (slots + prices), slots);
  const placement: Placement = { ...shape, physicalToLogical };
  return {
    ...rest,
    placement,
    replicas: indexReplicas(placement),
    shares: {
      values: new Float64Array(numbers.buffer, 0, slots),
      prices: new Float64Array(numbers.buffer, 8 * slots, prices),
    },
  };
}

function aligned(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
