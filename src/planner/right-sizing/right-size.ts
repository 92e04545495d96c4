import { openCapacity } from "../open-capacity.ts";
import { type BindingLimit, bindingLimit } from "../binding-limit.ts";
import type { ServiceTarget } from "../service-target.ts";
import { type Change, changesOf } from "./changes.ts";
import { calibrate } from "./calibrate.ts";
import type { Clock, Predicted } from "./clock.ts";
import { type Measured, timeAt } from "./measured.ts";
import { PlacementJudge, type PlacementWorth } from "./placement-worth.ts";
import { gpuCount } from "../../model/topology.ts";
import { type RunningPool, poolGpus } from "./running-unit.ts";
import { problemOf } from "./unit-problem.ts";
import { type Expected, type Room, UnitTwin } from "./unit-twin.ts";

/** Runs of the same load at other seeds differ as much as windows of the same traffic do: the middle one is the answer. */
const SEEDS = 3;
/** Where the search begins; it goes on from there. */
const MOST_ROOM = 1000;
/** What counts of a run in the twin. */
const REQUESTS = 300;

/** What one thing less of the pool leaves: a unit, or where there is one unit, one of its GPUs. */
export interface Lost {
  readonly what: "unit" | "GPU";
  /** The most traffic then, in parts of what is measured. */
  readonly factor: number;
  readonly survives: boolean;
}

/** What is to be said of a pool that runs. */
export interface RightSizing {
  readonly measured: Measured;
  readonly gpus: number;
  /** Whether what is measured keeps the target; null where it has no such times. */
  readonly keepsNow: boolean | null;
  /** What the model, as it is, says of the same layout and load. */
  readonly predicted: Predicted;
  readonly clock: Clock;
  readonly room: Room;
  /** The same by the runs that leave least and most: with other requests of the same kind. */
  readonly roomFrom: number;
  readonly roomTo: number;
  /** Just beyond it, or there where it has no end. */
  readonly beyond: Expected;
  readonly limit: BindingLimit;
  readonly lost: Lost;
  readonly placement: PlacementWorth | null;
  readonly changes: readonly Change[];
  /** Looked at, and worth nothing here. */
  readonly useless: readonly string[];
}

/** Measured, predicted, calibrated, and then: how much more, what gives way, what to change. Yields how far it is. */
export function* rightSize(
  pool: RunningPool,
  measured: Measured,
  target: ServiceTarget,
  seed: number,
): Generator<number, RightSizing> {
  const { unit } = pool;
  const asked: Asked[] = [];
  for (let i = 0; i < SEEDS; i++) {
    const one = new UnitTwin(pool, measured, target, seed + i, REQUESTS);
    const part = (0.5 * i) / SEEDS;
    asked.push(yield* within(part, part + 0.5 / SEEDS, askedOf(one, asked[0]?.room.factor)));
  }
  const ordered = asked.toSorted((one, other) => one.room.factor - other.room.factor);
  const { twin, predicted, room } = ordered[(SEEDS - 1) / 2];
  const beyond = yield* within(0.5, 0.55, twin.expect(unit, room.beyond ?? room.factor));
  const problem = problemOf(twin);
  const judge = new PlacementJudge(pool);
  const placement = judge.worth();
  const found = yield* within(0.55, 1, changesOf(twin, room, problem, judge, placement));
  return {
    measured,
    gpus: poolGpus(pool),
    keepsNow: keepsNow(measured, target),
    predicted,
    clock: twin.clock,
    room,
    roomFrom: ordered[0].room.factor,
    roomTo: ordered[SEEDS - 1].room.factor,
    beyond,
    limit: bindingLimit(unit.layout, problem),
    lost: lostOf(pool, room),
    placement,
    ...found,
  };
}

/** Where the only unit is an engine that nobody places experts for, it goes with any of its GPUs. */
function lostOf({ unit, units, model }: RunningPool, { factor }: Room): Lost {
  if (units > 1) return lostWith("unit", (factor * (units - 1)) / units);
  if (unit.begins === null) return lostWith("unit", 0);
  const gpus = gpuCount(unit.decode);
  const held = (gpus - 1) * unit.decode.slotsPerGpu >= model.experts;
  return lostWith("GPU", held ? (factor * (gpus - 1)) / gpus : 0);
}

function lostWith(what: Lost["what"], factor: number): Lost {
  return { what, factor, survives: factor >= 1 };
}

interface Asked {
  readonly twin: UnitTwin;
  readonly predicted: Predicted;
  readonly room: Room;
}

/** The model's own times, its clock for this pool, and the room by that. @param expected by another run */
function* askedOf(twin: UnitTwin, expected: number | undefined): Generator<number, Asked> {
  const predicted = yield* calibrate(twin);
  const { unit } = twin.pool;
  const problem = problemOf(twin);
  const open = openCapacity(unit.layout, problem) / problem.demand.rate;
  const near = Math.max(1 / MOST_ROOM, expected ?? Math.min(MOST_ROOM, open));
  return { twin, predicted, room: yield* twin.room(unit, near) };
}

function keepsNow({ ttftMs, itlMs }: Measured, target: ServiceTarget): boolean | null {
  if (ttftMs === null) return null;
  const early = timeAt(ttftMs, target.ttftPercentile) <= target.ttftMs;
  return early && (itlMs === null || timeAt(itlMs, target.itlPercentile) <= target.itlMs);
}

/** Of what a part of the work seems to have left, a run leaves so much. */
const LEFT = 0.75;

function* within<T>(from: number, to: number, steps: Generator<number, T>): Generator<number, T> {
  // How many runs are to come is not known: each takes a part of what is left.
  let [runs, last] = [0, 0];
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    if (next.value < last) runs++;
    last = next.value;
    yield from + (to - from) * (1 - LEFT ** (runs + last));
  }
}
