import type { PlacementSolution } from "../core/planning/solve-placement.ts";
import { type Topology, sayGpus } from "../model/topology.ts";
import type { ConsumerDispatch } from "../model/consumer-dispatch.ts";
import { type LayerNumbers, sayLayers } from "../model/layer-numbers.ts";
import type { MoveWay } from "../model/move-way.ts";

/** What `place` says of its result, beside where it is. */
export interface PlaceSummary {
  readonly topology: Topology;
  /** What balancedness is judged by. */
  readonly dispatch: ConsumerDispatch;
  readonly balancedness: number;
  readonly bound: number;
  readonly gap: number;
  readonly moves: {
    readonly slots: number;
    readonly bytes: number | null;
    /** Of the slots, those without which experts would be missing. */
    readonly necessary: number;
    readonly way: MoveWay;
  };
  /** Those without a token. */
  readonly idleLayers: LayerNumbers;
  readonly elapsedMs: number;
}

/** @param layers which layer each row is of; null where nothing says: rows are numbered from 0 then */
export function summaryOf(
  solution: PlacementSolution,
  topology: Topology,
  layers: LayerNumbers | null,
  elapsedMs: number,
): PlaceSummary {
  const { certificate, moves, necessary, idle } = solution;
  const { dispatch, balancedness, bound, gap } = certificate;
  return {
    topology,
    dispatch,
    balancedness,
    bound,
    gap,
    moves: { ...moves, necessary },
    idleLayers: idle.map((row) => layers?.[row] ?? row),
    elapsedMs,
  };
}

interface Asked {
  readonly out: string;
  readonly previous?: string;
  readonly maxMoves?: number;
}

/** Why it was not by few moves. */
const WAY = {
  "more moves": " (few would be less level than EPLB)",
  afresh: " (placed afresh: few would be less level than EPLB)",
} as const;

/** The same for a person. */
export function sentence({ out, previous, maxMoves }: Asked, summary: PlaceSummary): string {
  const { topology, dispatch, balancedness, bound, moves, idleLayers: idle, elapsedMs } = summary;
  const pool = `${sayGpus(topology)} × ${topology.slotsPerGpu} slots`;
  const parts = [
    pool,
    `balancedness ${balancedness.toFixed(4)} by ${dispatch} dispatch, of at most ${bound.toFixed(4)}`,
  ];
  if (idle.length > 0) {
    const names = `${idle.length === 1 ? "layer" : "layers"} ${sayLayers(idle)}`;
    parts.push(`${names} idle: ${previous === undefined ? "every expert alike" : "kept"}`);
  }
  const over = maxMoves !== undefined && moves.necessary > maxMoves;
  const why = over ? ` (more than --max-moves ${maxMoves}: experts would be missing)` : "";
  const way = moves.way === "few moves" ? "" : WAY[moves.way];
  parts.push(
    `${moves.slots} slots moved${previous === undefined ? "" : way}${why}`,
    `planned in ${elapsedMs.toFixed(1)} ms`,
  );
  return `${out}: ${parts.join(", ")}`;
}
