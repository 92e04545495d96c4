import { Option } from "commander";
import { dispatchTable } from "../core/tables/dispatch-table.ts";
import { entryCounts, sameEntryCounts } from "../core/tables/entry-counts.ts";
import type { PlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import type { DispatchTable } from "../model/dispatch-table.ts";
import { gpuCount, slotCount } from "../model/topology.ts";
import { replicaMap } from "./replica-map.ts";

export const DISPATCH_TABLE = "dispatch-table";

/** The most entries for an expert: vLLM's tables have room for no more. */
const MOST_ENTRIES = 1024;
const ALL = "all";

/** Whose entries are written, and how many. */
export interface EntryFlags {
  readonly rank?: string;
  readonly entries?: string;
}

export function rankOption(): Option {
  const hint = "the source rank, 0 or above; all: one table for every rank";
  return new Option("--rank <r>", `with --to ${DISPATCH_TABLE}: ${hint}`);
}

export function entriesOption(): Option {
  const hint = `entries of every expert, 1 to ${MOST_ENTRIES}; a power of two for vLLM, whose hash then takes them in turn`;
  return new Option("--entries <k>", `with --to ${DISPATCH_TABLE}: ${hint}`);
}

/** @throws InputError where they are given for another format, or are missing or wrong whatever the placement */
export function checkEntryFlags(to: string, { rank, entries }: EntryFlags): void {
  for (const [flag, value] of [
    ["--rank", rank],
    ["--entries", entries],
  ] as const) {
    if (to !== DISPATCH_TABLE && value !== undefined) {
      throw new InputError(flag, "", `is for ${DISPATCH_TABLE}; leave it out`);
    }
    if (to === DISPATCH_TABLE && value === undefined) {
      throw new InputError(flag, "", `is missing; --to ${DISPATCH_TABLE} writes the entries of one rank`);
    }
  }
  if (entries === undefined) return;
  const count = wholeNumber(entries);
  if (count < 1 || count > MOST_ENTRIES) {
    throw new InputError("--entries", "", `is ${entries}; expected an integer in 1..${MOST_ENTRIES}`);
  }
}

/**
 * @param rankTokens `[ranks][layers][experts]`; undefined where all send alike
 * @throws InputError where the placement has no such rank
 */
export function rankEntries(
  file: PlacementFile,
  flags: EntryFlags,
  rankTokens: Float64Array | undefined,
): DispatchTable {
  const map = replicaMap(file);
  const { placement, replicas } = map;
  const entries = Number(flags.entries);
  const ranks = gpuCount(placement.topology);
  if (flags.rank === ALL) {
    const load = rankTokens === undefined ? undefined : sumOfRanks(rankTokens, ranks);
    return dispatchTable(placement, replicas, sameEntryCounts(map, entries, load), entries, 0);
  }
  const rank = wholeNumber(flags.rank ?? "");
  if (!(rank < ranks)) {
    const hint = `is ${flags.rank}; expected 0..${ranks - 1} as the placement has ${ranks} ranks, or ${ALL}`;
    throw new InputError("--rank", "", hint);
  }
  const size = placement.layers * slotCount(placement.topology);
  const counts = entryCounts(map, entries, { ranks: rankTokens });
  return dispatchTable(placement, replicas, counts.subarray(rank * size, (rank + 1) * size), entries, rank);
}

/** NaN where it is none. */
function wholeNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}

function sumOfRanks(tokens: Float64Array, ranks: number): Float64Array {
  const size = tokens.length / ranks;
  const sum = new Float64Array(size);
  for (let i = 0; i < tokens.length; i++) sum[i % size] += tokens[i];
  return sum;
}
