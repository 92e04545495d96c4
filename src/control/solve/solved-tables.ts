import type { PlacementProblem, PlacementSolution } from "../../core/planning/solve-placement.ts";
import { entryCounts, sameEntryCounts } from "../../core/tables/entry-counts.ts";
import { type JsonObject, integerIn, readNumber } from "../../formats/json.ts";
import { InputError } from "../../lib/errors.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { indexReplicas } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** Counts are sent as bytes. */
const MOST_ENTRIES = 255;
/** Counts in an answer; 61 layers of 320 slots for 320 ranks are 6.2 million. */
const MOST_COUNTS = 16_000_000;

/** Which dispatch tables a body asks for. */
interface AskedTables {
  /** Of every rank and expert. */
  readonly entries: number;
  readonly sameForAllRanks: boolean;
}

/**
 * Null where none are asked for.
 * @throws InputError naming the field at fault
 */
export function readTables(
  { entries, sameForAllRanks = false }: JsonObject,
  { dispatch, load, topology }: PlacementProblem,
  body: string,
): AskedTables | null {
  if (typeof sameForAllRanks !== "boolean")
    throw new InputError(body, "sameForAllRanks", "is neither true nor false; give one of them");
  if (entries === undefined) {
    if (sameForAllRanks)
      throw new InputError(body, "sameForAllRanks", "is of dispatch tables; give `entries` beside it");
    return null;
  }
  if (dispatch !== "shares")
    throw new InputError(body, "entries", `carry shares; leave them out with \`dispatch\`: ${dispatch}`);
  const count = readNumber(entries, integerIn(1, MOST_ENTRIES), body, "entries");
  if (!sameForAllRanks && gpuCount(topology) * slotCount(topology) * load.layers > MOST_COUNTS)
    throw new InputError(
      body,
      "entries",
      "make too large tables for so many ranks; ask for `sameForAllRanks`",
    );
  return { entries: count, sameForAllRanks };
}

/** What the answer says of them: `counts` is base64 of uint8 `[ranks][layers][slots]`, of one rank where all are alike. */
export function tablesOf(
  { placement, shares }: PlacementSolution,
  load: ExpertLoad,
  { entries, sameForAllRanks }: AskedTables,
): JsonObject {
  const map = { placement, replicas: indexReplicas(placement), shares: { values: shares } };
  const counts = sameForAllRanks
    ? sameEntryCounts(map, entries, load.tokens)
    : entryCounts(map, entries, { load: load.tokens });
  return { dispatch_tables: { entries, counts: Buffer.from(Uint8Array.from(counts)).toString("base64") } };
}
