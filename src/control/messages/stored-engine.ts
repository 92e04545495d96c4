import {
  type Shape,
  list,
  nullOr,
  number,
  readJson,
  record,
  text,
  whole,
  writeJson,
} from "../../lib/shape.ts";
import type { EngineFault, WatchedEngine } from "../../model/watched-engine.ts";

const fault = record<EngineFault>({ kind: text, ranks: list(whole()), sinceMs: number(), text });

const watched: Shape<WatchedEngine> = record<WatchedEngine>({
  name: text,
  step: whole(),
  rebalances: whole(),
  rebalanceEvery: whole(),
  stepsSinceRebalance: whole(),
  dispatch: text,
  balancedness: nullOr(number(0, 1)),
  ranks: whole(),
  windowMs: number(0),
  measuredAtMs: number(),
  faults: list(fault),
});

const stored = record({ engine: nullOr(watched) });

/** The value `engine` of a pool's store, in JSON. @param engine null once it is watched no more */
export function encodeEngine(engine: WatchedEngine | null): Uint8Array {
  return writeJson({ engine });
}

/** @throws Unreadable */
export function decodeEngine(bytes: Uint8Array): WatchedEngine | null {
  return readJson(bytes, stored).engine;
}
