import type { ScenarioChange, ScenarioEvent } from "../../model/load-scenario.ts";
import { faultAt, inside, type Place } from "../place.ts";
import type { WrittenEvent } from "./schema.ts";

const KINDS = ["shift", "stop", "lose", "restore", "drain", "undrain", "slow", "restart"] as const;

/** Events by their time. @throws InputError */
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
    if (event.at >= durationMs)
      throw faultAt(
        inside(here, "at"),
        `is ${event.at / 1000} s; expected a time before the run's end at ${durationMs / 1000} s`,
      );
    return changesOf(event).map((change) => ({ atMs: event.at, change, pool: event.pool ?? null }));
  });
  return events.toSorted((a, b) => a.atMs - b.atMs);
}

function changesOf({ slow, restart, shift, ...ofRanks }: WrittenEvent): ScenarioChange[] {
  if (restart !== undefined) return [{ kind: "restart", ranks: restart.ranks, awayMs: restart.away }];
  if (slow !== undefined) return [{ kind: "slow", ...slow }];
  if (shift) return [{ kind: "shift" }];
  return (["stop", "lose", "restore", "drain", "undrain"] as const).flatMap((kind) => {
    const rank = ofRanks[kind];
    return rank === undefined ? [] : [{ kind, rank }];
  });
}
