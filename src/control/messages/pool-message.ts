/** What is told to a pool's leader through the store, by any gateway. */
export type PoolMessage = LoadMessage | AckMessage | RankMessage | OrderMessage;

/** What ranks have counted, summed by the gateway they reported to. */
export interface LoadMessage {
  readonly kind: "load";
  /** The gateway's name. */
  readonly from: string;
  /** Estimated from a part of the requests: of no account where ranks report. */
  readonly sampled: boolean;
  /** Signs of life: ranks that have reported, in the order their incarnations came, and the longest window of each, ms. */
  readonly reported: readonly {
    readonly rank: number;
    readonly windowMs: number;
    readonly incarnation: Incarnation;
  }[];
  /** The span that was counted, ms: the most that any one rank, or the pool as a whole, has reported. */
  readonly spanMs: number;
  /** `[layers][experts]`: tokens. */
  readonly tokens: Float32Array;
}

/** `prepared`: the rank holds the weights that an epoch needs of it. `committed`: it dispatches by that epoch. */
export interface AckMessage {
  readonly kind: "ack";
  readonly epoch: number;
  readonly rank: number;
  readonly phase: AckPhase;
  readonly incarnation: Incarnation;
}

export const ACK_PHASES = ["prepared", "committed"] as const;
export type AckPhase = (typeof ACK_PHASES)[number];

/** Somebody who knows says that a rank has died, or that it is there, holding nothing. */
export interface RankMessage {
  readonly kind: "rank";
  readonly rank: number;
  readonly state: "lost" | "ready";
  readonly incarnation: Incarnation;
}

/**
 * Which start of a rank a message is of: a whole number ≥ 0, another at each start and greater as a rule, such as its
 * time in milliseconds since 1970. Null where the sender does not say.
 */
export type Incarnation = number | null;

export interface OrderMessage {
  readonly kind: "order";
  readonly order: Order;
}

/** What an operator may ask of a pool. */
export type Order =
  | { readonly kind: "drain"; readonly rank: number }
  | { readonly kind: "undrain"; readonly rank: number }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "rebalance" }
  | { readonly kind: "rollback"; readonly epoch: number };

/** Layout: the length of the rest's JSON as uint32, the JSON, and for a load its tokens as float32; little-endian. */
export function encodeMessage(message: PoolMessage): Uint8Array {
  const { tokens, ...head } = message.kind === "load" ? message : { ...message, tokens: null };
  const json = new TextEncoder().encode(JSON.stringify(head));
  const bytes = new Uint8Array(4 + json.length + (tokens?.byteLength ?? 0));
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  if (tokens !== null)
    bytes.set(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength), 4 + json.length);
  return bytes;
}

export function decodeMessage(bytes: Uint8Array): PoolMessage {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as PoolMessage;
  if (head.kind !== "load") return head;
  // Copied: floats want an aligned beginning. Not by `slice`, which does not copy where the bytes are a Buffer.
  return { ...head, tokens: new Float32Array(new Uint8Array(bytes.subarray(4 + length)).buffer) };
}
