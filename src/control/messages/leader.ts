import { type Shape, number, readJson, record, text, writeJson } from "../../lib/shape.ts";

/** Who leads a pool: the value `leader` of its store, in JSON. */
export interface Leader {
  readonly gateway: string;
  /** Milliseconds since 1970, by that gateway's clock. */
  readonly sinceMs: number;
}

const leader: Shape<Leader> = record({ gateway: text, sinceMs: number() });

export function encodeLeader(led: Leader): Uint8Array {
  return writeJson(led);
}

/** @throws Unreadable */
export function decodeLeader(bytes: Uint8Array): Leader {
  return readJson(bytes, leader);
}
