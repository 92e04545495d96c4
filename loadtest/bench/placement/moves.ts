import { adaptPlacement } from "../../../src/core/placement/adapt-placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import { countMoves, keepSlots } from "../../../src/core/migration/moves.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import type { Placement } from "../../../src/model/placement.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { eplbGlobal, plimsoll, pool, poolName } from "../pools.ts";
import { cut, interleaved, loadOf, range } from "../routed-tokens.ts";
import { Score } from "../score.ts";
import { bestLoads } from "./scores.ts";

/** Moved slots against EPLB's; loss of balancedness against a fresh placement. */
const MOVES_AIM = 0.15;
const LOSS_AIM = 0.01;

interface Sizes {
  readonly pools: readonly Topology[];
  /** Tokens of a window of the stream. */
  readonly windows: readonly number[];
  readonly active: number;
}

const SIZES: Sizes = {
  pools: [pool(288, 32), pool(320, 64)],
  windows: [32_768, 65_536],
  active: 128,
};

/** What following the load costs in moved slots, and what moving few of them loses. */
export function movesTable(
  { input, progress }: Bench,
  { pools, windows, active }: Sizes = SIZES,
): BenchTable {
  const { stream, model } = input;
  const orders = {
    "stream in order": range(0, stream.trace.tokens),
    [`${active} requests in turn`]: interleaved(stream, 0, active),
  };
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const [order, tokens] of Object.entries(orders)) {
    for (const window of windows) {
      const loads = cut(tokens, window).map((part) => loadOf(stream, part));
      for (const topology of pools) {
        const where = `${order}, ${loads.length} windows of ${window}`;
        progress(`moves: ${where}, ${poolName(topology)}`);
        const theirs = follow(model, loads, eplbGlobal(loads[0], topology), (previous, load) =>
          keepSlots(previous, eplbGlobal(load, topology)),
        );
        const fresh = follow(model, loads, plimsoll(loads[0], topology), (previous, load) =>
          keepSlots(previous, plimsoll(load, topology)),
        );
        const ours = follow(model, loads, plimsoll(loads[0], topology), (inForce, load) =>
          adaptPlacement(inForce, load, fullCapacity(topology)),
        );
        const moved = ours.slots / theirs.slots;
        const loss = 1 - ours.same / fresh.same;
        const lossNext = 1 - ours.next / fresh.next;
        aims.push({
          what: `slots moved / EPLB's at ${poolName(topology)}, ${where}`,
          measured: moved,
          atMost: MOVES_AIM,
        });
        for (const [when, measured] of [
          ["same", loss],
          ["next", lossNext],
        ] as const) {
          const what = `balancedness of the ${when} window lost at ${poolName(topology)}, ${where}`;
          aims.push({ what, measured, atMost: LOSS_AIM });
        }
        rows.push([
          where,
          poolName(topology),
          theirs.slots,
          ours.slots,
          100 * moved,
          theirs.same,
          fresh.same,
          ours.same,
          100 * loss,
          theirs.next,
          fresh.next,
          ours.next,
          100 * lossNext,
        ]);
      }
    }
  }
  return {
    title: "Moves: following a drifting load",
    columns: [
      { name: "windows" },
      { name: "slots/GPUs" },
      { name: "EPLB moves" },
      { name: "adapted moves" },
      { name: "of EPLB's, %", digits: 1 },
      ...["same window", "next window"].flatMap((name) => [
        { name: `${name}: EPLB`, digits: 3 },
        { name: `${name}: fresh`, digits: 3 },
        { name: `${name}: adapted`, digits: 3 },
        { name: `${name}: loss, %`, digits: 2 },
      ]),
    ],
    rows,
    notes: [
      "Slots moved from window to window (every expert kept in its slot where it stays on its GPU), and " +
        "balancedness with exact shares on the window placed on and on the next. Fresh: Plimsoll placed anew on every window.",
    ],
    aims,
  };
}

/** Re-plans on every window after the first; each is scored on its own window and on the one after it. */
function follow(
  model: MoeModel,
  loads: readonly ExpertLoad[],
  start: Placement,
  replan: (previous: Placement, load: ExpertLoad) => Placement,
) {
  const gpus = gpuCount(start.topology);
  const same = new Score();
  const next = new Score();
  let placement = start;
  let slots = 0;
  for (let i = 1; i < loads.length; i++) {
    const replanned = replan(placement, loads[i]);
    slots += countMoves(model, placement, replanned).slots;
    placement = replanned;
    same.add(bestLoads(placement, loads[i]), gpus);
    if (i + 1 < loads.length) next.add(bestLoads(placement, loads[i + 1]), gpus);
  }
  return { slots, same: same.balancedness, next: next.balancedness };
}
