import {
  type Shape,
  demand,
  flag,
  list,
  nullOr,
  number,
  orElse,
  readJson,
  record,
  text,
  variants,
  whole,
  word,
  writeJson,
} from "../../lib/shape.ts";
import { BUCKETS } from "../../lib/log-histogram.ts";
import { counts } from "../../model/count-bytes.ts";
import { SLOT_S, type TrafficFigures } from "../history/traffic-row.ts";
import {
  COUNTED,
  type Counted,
  type ReceivedCounts,
  decodeReceived,
  encodeReceived,
  storedReceived,
} from "./received-counts.ts";
import { type SentRow, decodeRow, encodeRow, storedRow } from "./sent-row.ts";
import { type EngineWindow, engineWindow } from "./engine-window.ts";
import type { ReportShape } from "./report-shape.ts";

/** What is sent to a pool's leader through the store, by any gateway. */
export type PoolMessage = LoadMessage | AckMessage | RankMessage | OrderMessage | TrafficMessage;

/** What ranks have counted, summed by the gateway they reported to. */
export interface LoadMessage {
  readonly kind: "load";
  /** The gateway's name. */
  readonly from: string;
  /** Estimated from a part of the requests: of no account where ranks report. */
  readonly sampled: boolean;
  /**
   * Signs of life: ranks that have reported, in the order their incarnations came, the longest window of each, ms, and
   * what its latest report counted.
   */
  readonly reported: readonly {
    readonly rank: number;
    readonly windowMs: number;
    readonly incarnation: Incarnation;
    readonly counted: Counted;
  }[];
  /** The span that was counted at the source, ms: the most that any one rank, or the pool as a whole, has reported. */
  readonly spanMs: number;
  /** `[layers][experts]`: tokens that were counted at the source. */
  readonly tokens: Float32Array;
  /** What was counted where it was received, a rank's windows in their order. */
  readonly received: readonly ReceivedCounts[];
  /** What was reported beside counts of the engine's own load balancing, in the order of its windows. */
  readonly engines: readonly EngineWindow[];
  /** Which destinations source ranks sent to, where that is worked out: some of what they reported. */
  readonly sent: readonly SentRow[];
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

/** What a gateway has measured of a pool's requests in a slot of time (`history/traffic-row.ts`). */
export interface TrafficMessage extends TrafficFigures {
  readonly kind: "traffic";
  /** The slot's beginning, seconds since 1970. */
  readonly atS: number;
}

/** What an operator may ask of a pool. */
export type Order =
  | { readonly kind: "drain"; readonly rank: number }
  | { readonly kind: "undrain"; readonly rank: number }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "rebalance" }
  | { readonly kind: "rollback"; readonly epoch: number };

const order: Shape<Order> = variants<Order>("kind", {
  drain: record({ kind: word(["drain"]), rank: whole() }),
  undrain: record({ kind: word(["undrain"]), rank: whole() }),
  pause: record({ kind: word(["pause"]) }),
  resume: record({ kind: word(["resume"]) }),
  rebalance: record({ kind: word(["rebalance"]) }),
  rollback: record({ kind: word(["rollback"]), epoch: whole(1) }),
});

/** By a gateway in a slot of time: sums of many are exact. */
const MOST_COUNTED = 1e9;

const countsByBucket: Shape<readonly number[]> = (value, at) => {
  const byBucket = list(whole(0, MOST_COUNTED))(value, at);
  demand(byBucket.length <= BUCKETS, "it counts what is in no bucket");
  return byBucket;
};

/** An earlier version does not write these. */
const incarnation: Shape<Incarnation> = orElse(nullOr(whole()), null);
const counted: Shape<Counted> = orElse(word(COUNTED), "source");

/**
 * A load's beside its tokens, as it is stored: there, `reported` has the name that the first version gave it. A version
 * before `received` reads the ranks' signs of life, and counts nothing of what they have received; one before `engines`
 * or `sent` leaves them out.
 */
interface StoredLoad extends Omit<LoadMessage, "reported" | "tokens" | "received" | "sent"> {
  readonly heard: LoadMessage["reported"];
  readonly received: ReturnType<typeof encodeReceived>[];
  readonly sent: ReturnType<typeof encodeRow>[];
}

/** What all but the arrays of a load is stored as. */
type Head = StoredLoad | Exclude<PoolMessage, LoadMessage>;

const heads: Shape<Head> = variants<Head>("kind", {
  load: record<StoredLoad>({
    kind: word(["load"]),
    from: text,
    sampled: flag,
    heard: list(record({ rank: whole(), windowMs: number(0), incarnation, counted })),
    spanMs: number(0),
    received: orElse(list(storedReceived), []),
    engines: orElse(list(engineWindow), []),
    sent: orElse(list(storedRow), []),
  }),
  ack: record<AckMessage>({
    kind: word(["ack"]),
    epoch: whole(1),
    rank: whole(),
    phase: word(ACK_PHASES),
    incarnation,
  }),
  rank: record<RankMessage>({
    kind: word(["rank"]),
    rank: whole(),
    state: word(["lost", "ready"]),
    incarnation,
  }),
  order: record<OrderMessage>({ kind: word(["order"]), order }),
  traffic: record<TrafficMessage>({
    kind: word(["traffic"]),
    atS: whole(),
    spanMs: whole(0, MOST_COUNTED),
    ended: whole(0, MOST_COUNTED),
    failed: whole(0, MOST_COUNTED),
    ttft: countsByBucket,
    itl: countsByBucket,
  }),
});

const JSON_AT = 4;

/** Layout: the length of the rest's JSON as uint32, the JSON, and for a load its tokens as float32; little-endian. */
export function encodeMessage(message: PoolMessage): Uint8Array {
  if (message.kind !== "load") return framed(message, new Uint8Array());
  const { tokens, reported, received, sent, ...rest } = message;
  const floats = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  const rows = { received: received.map(encodeReceived), sent: sent.map(encodeRow) };
  return framed({ ...rest, heard: reported, ...rows }, floats);
}

function framed(head: object, rest: Uint8Array): Uint8Array {
  const json = writeJson(head);
  const bytes = new Uint8Array(JSON_AT + json.length + rest.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, JSON_AT);
  bytes.set(rest, JSON_AT + json.length);
  return bytes;
}

/**
 * @param pool whose leader it is for
 * @throws Unreadable, also when it is of another pool's shape, or of a kind that is not known here
 */
export function decodeMessage(bytes: Uint8Array, { layers, experts, gpus }: ReportShape): PoolMessage {
  demand(bytes.length >= JSON_AT, "it is cut short");
  const end = JSON_AT + new DataView(bytes.buffer, bytes.byteOffset, JSON_AT).getUint32(0, true);
  demand(bytes.length >= end, "it is cut short");
  const head = readJson(bytes.subarray(JSON_AT, end), heads);
  const known = (rank: number) => demand(rank < gpus, "it is about a rank that there is not");
  if (head.kind === "order") {
    if ("rank" in head.order) known(head.order.rank);
    return head;
  }
  if (head.kind === "traffic") {
    demand(head.atS % SLOT_S === 0, "it is of no slot of time");
    return head;
  }
  if (head.kind !== "load") {
    known(head.rank);
    return head;
  }
  const { heard, received, sent, ...rest } = head;
  for (const { rank } of [...heard, ...received, ...sent]) known(rank);
  const size = layers * experts;
  const tokens = counts(bytes.subarray(end));
  demand(tokens.length === size, "its counts are not of the pool's layers and experts");
  return {
    ...rest,
    reported: heard,
    tokens,
    received: received.map((one) => decodeReceived(one, size)),
    sent: sent.map(decodeRow),
  };
}
