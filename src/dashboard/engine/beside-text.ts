import { NONE, fixed, percent, whole } from "../format.ts";
import type { BalanceBeside } from "../live/wire.ts";

const SAME = 0.005;
const NEARLY_ALL = 0.99;

/** What is gained by the pool's own way, in a sentence; null where either is not known. */
export function gainedText({ title, pool, beside, movedSlots }: BalanceBeside, moved: number): string | null {
  if (!pool.balancedness || !beside.balancedness) return null;
  const saved = 1 - beside.balancedness / pool.balancedness;
  const level =
    Math.abs(saved) < SAME
      ? `Plimsoll keeps GPUs as level as ${shortName(title)}`
      : `Steps wait ${percent(Math.abs(saved), 1)} ${saved > 0 ? "less" : "longer"} for the fullest GPU than by ${shortName(title)}`;
  const took =
    pool.stepMs === null || beside.stepMs === null
      ? ""
      : `; a modelled step takes ${pool.stepMs.toFixed(1)} ms to its ${beside.stepMs.toFixed(1)}`;
  return `${level}${took}, with ${movesText(moved, movedSlots)}.`;
}

function movesText(own: number, other: number): string {
  if (other === 0) return own === 0 ? "no slot moved by either" : `${whole(own)} moved slots to none`;
  const times = other / Math.max(1, own);
  if (own > 0 && times >= 2) return `${times.toFixed(times < 10 ? 1 : 0)} times fewer moved slots`;
  return `${whole(own)} moved slots to ${whole(other)}`;
}

/** How it is worked out, and of what. */
export function basisText({ title, part, placements }: BalanceBeside): string {
  const of = part >= NEARLY_ALL ? "" : `, of ${percent(part, 0)} of the steps`;
  return `${shortName(title)} is worked out beside it on the same tokens${of}: ${whole(placements)} ${placements === 1 ? "placement" : "placements"} at Plimsoll's interval, in force nowhere; what it moves takes no time.`;
}

/** Without how it shares: `EPLB` of `EPLB, even shares`. */
export function shortName(title: string): string {
  return title.split(",")[0];
}

/** `1.08 ×` */
export function timesText(value: number | null): string {
  return value === null ? NONE : `${fixed(value, 2)} ×`;
}
