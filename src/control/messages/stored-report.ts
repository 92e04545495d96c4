import {
  type Shape,
  flag,
  list,
  nullOr,
  number,
  orElse,
  plainJson,
  readJson,
  record,
  text,
  whole,
  word,
  writeJson,
} from "../../lib/shape.ts";
import type { BalanceBeside, BalanceFigures } from "../../model/balance-beside.ts";
import type { PoolReport, ReportedLoads } from "../../model/pool-report.ts";
import { topologyShape } from "../../model/placement-shape.ts";
import { COUNTED } from "./received-counts.ts";

const measured = nullOr(number());

const loads: Shape<ReportedLoads> = record({
  counts: word(COUNTED),
  otherKind: list(whole()),
  missing: list(whole()),
  implausible: list(whole()),
  implausibleLayers: list(whole()),
});

const figures: Shape<BalanceFigures> = record({
  balancedness: measured,
  fullestGpu: measured,
  hopsPerToken: measured,
  nodeHopsPerToken: measured,
  stepMs: measured,
});

const beside: Shape<BalanceBeside> = record({
  title: text,
  part: number(0, 1),
  pool: figures,
  beside: figures,
  movedSlots: whole(),
  placements: whole(),
});

const report: Shape<PoolReport> = record({
  pool: text,
  model: text,
  atMs: number(),
  topology: topologyShape,
  epoch: whole(),
  layers: whole(),
  /** An earlier version does not write them. */
  layerNumbers: orElse(list(whole()), []),
  experts: whole(),
  /** Nor this. */
  topk: orElse(whole(), 0),
  tokensPerSecond: number(),
  balancedness: measured,
  nodeHopsPerToken: measured,
  hopsPerToken: measured,
  stepMs: measured,
  expertLoad: list(list(number())),
  gpuLoad: list(number()),
  /** Nor these. */
  gpuPeak: orElse(list(record({ layer: whole(), timesMean: number(0) })), []),
  gpuHolds: orElse(list(number(0)), []),
  activated: orElse(nullOr(record({ perGpu: list(number(0)), estimated: flag })), null),
  layerBalancedness: orElse(list(measured), []),
  ranks: list(record({ running: number(), waiting: number(), kvUse: number() })),
  placedAtMs: orElse(nullOr(number()), null),
  movedSlots: number(0),
  decision: text,
  explanation: orElse<unknown>(plainJson(), null),
  /** Nor these. */
  lagMs: orElse(measured, null),
  loads: orElse(nullOr(loads), null),
  beside: orElse(nullOr(beside), null),
});

/** The value `report` of a pool's store, in JSON. */
export function encodeReport(current: PoolReport): Uint8Array {
  return writeJson(current);
}

/** @throws Unreadable */
export function decodeReport(bytes: Uint8Array): PoolReport {
  return readJson(bytes, report);
}
