import { redundantExperts, sayLayout, sayShape, unitGpus } from "../layout.ts";
import type { PlanProblem } from "../plan-problem.ts";
import { unitsFor } from "../units-needed.ts";
import { type Alternative, alternatives, holds } from "./alternatives.ts";
import type { PlacementJudge, PlacementWorth } from "./placement-worth.ts";
import { type RunningUnit, unitOf } from "./running-unit.ts";
import type { Room, UnitTwin } from "./unit-twin.ts";

/** Something to change, with what it is worth by the same model and clock. */
export interface Change {
  readonly kind: "units" | "placement" | "shares" | "redundancy" | Alternative["what"];
  readonly text: string;
  /** GPUs that it frees; negative where it takes more. */
  readonly gpusSaved: number;
  /** More traffic within the target, in parts of what there is room for now: 0.1 is a tenth. Null for a change of units. */
  readonly gain: number | null;
}

export interface Changes {
  readonly changes: readonly Change[];
  readonly useless: readonly string[];
}

/** A unit is loaded up to so much of what the twin still carries, as plans are. */
const PLANNED = 1 / 1.1 ** 2;
/** Less is within what runs of the twin differ by. */
const LEAST_GAIN = 0.049;
/** Arithmetic is not asked about less. */
const LEAST_OPEN = 1.1;
/** Full steps are held to be no quicker below this. */
const LEAST_COST_GAIN = 0.02;

/** What pays, the most first: GPUs that are freed, then traffic that is gained. Each was run in the twin. */
export function* changesOf(
  twin: UnitTwin,
  room: Room,
  problem: PlanProblem,
  judge: PlacementJudge,
  placement: PlacementWorth | null,
): Generator<number, Changes> {
  const changes: Change[] = [];
  const useless: string[] = [];
  const { pool } = twin;
  const { unit, model } = pool;

  const units = unitsChange(twin, room);
  if (units !== null) changes.push(units);
  else useless.push(pool.units > 1 ? "another number of units" : "more or fewer units");

  /** Of experts placed anew where they are: what other slots are held against. */
  let placedGain = 0;
  if (placement !== null && unit.begins !== null) {
    const { now, anew, anewGain, shares, sharesGain, movedSlots } = placement;
    const text = `balancedness ${now.toFixed(3)} → ${anew.toFixed(3)} for the experts' load as it is now, ${movedSlots} slots of all layers; full steps forward ${percent(anewGain)} more`;
    const begins = judge.solved(unit.begins.placement.topology, unit.begins);
    placedGain = anewGain < LEAST_COST_GAIN ? 0 : yield* twin.gain({ ...unit, begins }, room);
    add("placement", `experts placed anew: ${text}`, 0, placedGain, "experts placed anew");
    if (sharesGain >= LEAST_COST_GAIN)
      useless.push(
        `shares anew without moves (balancedness ${shares.toFixed(3)}): the control loop does that by itself`,
      );
  }

  for (const more of [1, -1]) {
    const layout = { ...unit.layout, redundantSlots: unit.layout.redundantSlots + more };
    if (layout.redundantSlots < 0 || layout.decode.ep === 1 || !holds(layout, model, problem.demand))
      continue;
    const next = unitOf(layout, unit, model.experts);
    const decode = { ...unit.decode, slotsPerGpu: next.decode.slotsPerGpu };
    const what = `one redundant slot ${more > 0 ? "more" : "fewer"} a GPU`;
    if (pool.load === null || unit.begins === null || decode.slotsPerGpu === unit.decode.slotsPerGpu)
      continue;
    const changed = { ...next, decode, prefill: unit.prefill, begins: judge.solved(decode, null) };
    const gain = (1 + (yield* twin.gain(changed, room))) / (1 + placedGain) - 1;
    add(
      "redundancy",
      `${what} (${redundantExperts(layout, model.experts)} redundant experts)`,
      0,
      gain,
      what,
    );
  }

  for (const one of alternatives(unit.layout, problem)) yield* consider(one);
  changes.sort((a, b) => b.gpusSaved - a.gpusSaved || (b.gain ?? 0) - (a.gain ?? 0));
  return { changes, useless };

  function add(kind: Change["kind"], text: string, gpusSaved: number, gain: number, short: string): void {
    if (gain >= LEAST_GAIN) changes.push({ kind, text, gpusSaved, gain });
    else useless.push(short);
  }

  function* consider({ what, layout, open }: Alternative): Generator<number, void> {
    const next = withPlacement(unitOf(layout, unit, model.experts));
    if (what === "fewer GPUs") {
      if (pool.units > 1 || room.factor <= 1) return;
      const saved = unitGpus(unit.layout) - unitGpus(layout);
      const already = changes.some((change) => change.kind === what && change.gpusSaved > saved);
      if (already || open * room.factor < 1) return;
      const carries = yield* twin.keeps(next, 1 / PLANNED);
      if (!carries) return;
      const text = `a unit of ${gpuText(unitGpus(layout))} in place of ${unitGpus(unit.layout)} (${sayShape(layout.decode)})`;
      changes.push({ kind: what, text, gpusSaved: saved, gain: null });
      return;
    }
    const words =
      what === "step tokens" ? `steps of ${layout.stepTokens} tokens` : `prefill apart, ${sayLayout(layout)}`;
    if (open < LEAST_OPEN) {
      useless.push(what === "step tokens" ? "other step tokens" : "prefill apart");
      return;
    }
    // Where the same GPUs hold the same experts, what is placed there stays.
    const same =
      what === "step tokens"
        ? { ...next, decode: unit.decode, prefill: unit.prefill, begins: unit.begins }
        : next;
    add(
      what,
      words,
      0,
      yield* twin.gain(same, room),
      what === "step tokens" ? "other step tokens" : "prefill apart",
    );
  }

  function withPlacement(next: RunningUnit): RunningUnit {
    return pool.load === null || unit.begins === null
      ? next
      : { ...next, begins: judge.solved(next.decode, null) };
  }
}

/** Fewer units where one less than what is there would carry the traffic at its load line with one to spare; more where these do not. */
function unitsChange({ pool }: UnitTwin, room: Room): Change | null {
  const { units, unit } = pool;
  const line = room.factor * PLANNED;
  if (line === 0) return null;
  const needed = unitsFor(units, line);
  const gpus = unitGpus(unit.layout);
  const spare = units > 1 ? 1 : 0;
  const wanted = needed + spare;
  if (wanted === units || (wanted < units && units === 1)) return null;
  const more = wanted > units;
  // Without a spare, a load line that is just passed asks for nothing yet.
  if (more && room.factor >= 1 && units === 1) return null;
  const word = (count: number) => `${count} unit${count === 1 ? "" : "s"}`;
  const why = spare === 1 ? ", one of them to spare," : "";
  const text = `${word(wanted)}${why} in place of ${units}: each at most at its load line, a sixth below what the twin carries`;
  return { kind: "units", text, gpusSaved: (units - wanted) * gpus, gain: null };
}

function gpuText(count: number): string {
  return `${count} GPU${count === 1 ? "" : "s"}`;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`;
}
