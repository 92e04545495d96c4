import { hash } from "node:crypto";
import type { EngineWindow } from "../messages/engine-window.ts";
import type { EngineReport, RankDigests } from "./engine-report.ts";

/** What a pool's leader is sent of a report: what there is to say of its ranks, and of its counts whether they move. */
export function windowOfEngine(
  { ranks, ...engine }: EngineReport,
  windowMs: number,
  counts: Uint32Array | Float64Array,
): EngineWindow {
  const bytes = new Uint8Array(counts.buffer, counts.byteOffset, counts.byteLength);
  return {
    ...engine,
    windowMs,
    counts: hash("sha1", bytes),
    empty: counts.every((count) => count === 0),
    ranks: ranks.length,
    otherMap: withOtherMap(ranks),
    otherTable: withOtherTable(ranks),
  };
}

/** Ranks whose map is not the one that most have; of several that as many have, the one of the lowest rank. */
function withOtherMap(ranks: readonly RankDigests[]): readonly number[] {
  const holders = new Map<string, number>();
  for (const { map } of ranks) if (map !== null) holders.set(map, (holders.get(map) ?? 0) + 1);
  const most = Math.max(...holders.values());
  const usual = [...holders.keys()].find((map) => holders.get(map) === most);
  return numbersWhere(ranks, ({ map }) => map !== null && map !== usual);
}

function withOtherTable(ranks: readonly RankDigests[]): readonly number[] {
  return numbersWhere(
    ranks,
    ({ table, expected }) => table !== null && expected !== null && table !== expected,
  );
}

function numbersWhere(ranks: readonly RankDigests[], holds: (rank: RankDigests) => boolean): number[] {
  return [...ranks.keys()].filter((rank) => holds(ranks[rank]));
}
