import type { ScenarioChange, ScenarioEvent } from "../../model/load-scenario.ts";
import { faultAt, inside, type Place } from "../place.ts";
import type { WrittenEvent } from "./schema.ts";

const KINDS = ["shift", "stop", "lose", "restore", "drain", "undrain", "slow", "restart"] as const;

/** Events by their time, each restart as what it consists of. @throws InputError */
export function readEvents(
  written: readonly WrittenEvent[],
  durationMs: number,
  place: Place,
): ScenarioEvent[] {
  const events = written.flatMap((event, i) => {
    const here = inside(place, i);
    const given = KINDS.filter((kind) => event[kind] !== undefined);
    if (given.length !== 1)
      throw faultAt(here, `names ${given.join(" and ") || "nothing"}; expected one of ${KINDS.join(", ")}`);
    const one = eventsOf(event).map((part) => ({ ...part, pool: event.pool ?? null }));
    const late = one.find(({ atMs }) => atMs >= durationMs);
    if (late !== undefined)
      throw faultAt(
        here,
        `happens at ${late.atMs / 1000} s; expected it before the run's end at ${durationMs / 1000} s`,
      );
    return one;
  });
  return events.toSorted((a, b) => a.atMs - b.atMs);
}

function eventsOf(event: WrittenEvent): { readonly atMs: number; readonly change: ScenarioChange }[] {
  const { at: atMs, slow, restart } = event;
  if (restart !== undefined)
    return restart.ranks.flatMap((rank, i) => {
      const drainMs = atMs + i * restart.every;
      const stopMs = drainMs + restart.drain;
      const backMs = stopMs + restart.away;
      return [
        { atMs: drainMs, change: { kind: "drain", rank } },
        { atMs: stopMs, change: { kind: "stop", rank } },
        { atMs: backMs, change: { kind: "restore", rank } },
        { atMs: backMs, change: { kind: "undrain", rank } },
      ] as const;
    });
  if (slow !== undefined) return [{ atMs, change: { kind: "slow", ...slow } }];
  if (event.shift) return [{ atMs, change: { kind: "shift" } }];
  return (["stop", "lose", "restore", "drain", "undrain"] as const).flatMap((kind) => {
    const rank = event[kind];
    return rank === undefined ? [] : [{ atMs, change: { kind, rank } }];
  });
}
