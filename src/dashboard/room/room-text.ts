import { bytes, percent, short, whole } from "../format.ts";
import type { MostCarried, SlotsPoint, SlotsRoom, TrafficPoint, TrafficRoom } from "./room.ts";

/** What a person wants kept, at the 95th percentile, in milliseconds. */
export interface Limits {
  readonly ttftMs: number;
  readonly itlMs: number;
}

export interface RoomFound {
  /** The most traffic, in parts of today's. */
  readonly factor: number;
  /** What ends it; null where nothing that was tried does. */
  readonly ends: "ttft" | "itl" | "carries" | null;
}

/** Until somebody says otherwise: half as long again as now. */
const MORE_THAN_NOW = 1.5;
/** Less is within what placements differ by. */
const LEAST_STEPS = 0.01;

export function usualLimits({ measured: { ttftMs, itlMs } }: TrafficRoom): Limits {
  return { ttftMs: rounded(ttftMs?.p95 ?? 1000), itlMs: rounded(itlMs?.p95 ?? 50) };
}

/** Two digits. */
function rounded(ms: number): number {
  return Number((MORE_THAN_NOW * ms).toPrecision(2));
}

/** The most traffic within limits: between two points that were tried, times are taken to grow evenly. */
export function roomWithin(
  { points, most }: Pick<TrafficRoom, "points" | "most">,
  limits: Limits,
): RoomFound {
  const carried: RoomFound =
    most === null || most.atLeast
      ? { factor: points.at(-1)?.factor ?? 0, ends: null }
      : { factor: most.factor, ends: "carries" };
  const lost = (["ttft", "itl"] as const).map((ends) => ({ factor: crossing(points, ends, limits), ends }));
  return [...lost, carried].reduce((one, other) => (other.factor < one.factor ? other : one));
}

function crossing(points: readonly TrafficPoint[], of: "ttft" | "itl", limits: Limits): number {
  const limit = of === "ttft" ? limits.ttftMs : limits.itlMs;
  const timeAt = (point: TrafficPoint) => (of === "ttft" ? point.ttftMs : point.itlMs)?.p95 ?? 0;
  const beyond = points.findIndex((point) => timeAt(point) > limit);
  if (beyond < 0) return Number.POSITIVE_INFINITY;
  if (beyond === 0) return 0;
  const [before, after] = [points[beyond - 1], points[beyond]];
  const part = (limit - timeAt(before)) / (timeAt(after) - timeAt(before));
  return before.factor + part * (after.factor - before.factor);
}

/** How much more traffic there is room for. */
export function trafficText(room: TrafficRoom, limits: Limits): string {
  const { measured, points, most } = room;
  if (points.length === 0) return "How much more traffic there is room for is not known.";
  const { factor, ends } = roomWithin(room, limits);
  const rate = `${short(factor * measured.requestsPerSecond)} requests/s`;
  const head = factor < 1 ? "No room: the twin carries" : "Room:";
  if (ends === "carries" && most !== null)
    return `${head} traffic × ${factor.toFixed(2)} (${rate}, ${short(most.tokensPerSecond)} tokens/s); beyond it, requests queue up without end.`;
  const carried = mostText(most);
  if (ends === null) return `${head} traffic × ${short(factor)} (${rate}) and more. ${carried}`.trimEnd();
  if (factor === 0)
    return `No room: ${timesText(ends, limits)} even at × ${short(points[0].factor)} of this traffic. ${carried}`;
  return `${head} traffic × ${factor.toFixed(2)} (${rate}); beyond it, ${timesText(ends, limits)}. ${carried}`;
}

function timesText(ends: RoomFound["ends"], { ttftMs, itlMs }: Limits): string {
  return ends === "ttft"
    ? `first tokens (p95) take longer than ${whole(ttftMs)} ms`
    : `times between tokens (p95) exceed ${whole(itlMs)} ms`;
}

function mostText(most: MostCarried | null): string {
  if (most === null) return "";
  const { tokensPerSecond, factor, atLeast } = most;
  const times = `× ${factor.toFixed(2)} of today's`;
  return atLeast
    ? `It carries more than ${short(tokensPerSecond)} tokens/s, ${times}.`
    : `It carries ${short(tokensPerSecond)} tokens/s at most, ${times}.`;
}

/** What another number of slots would do. */
export function slotsText({ now, points, slotBytes }: SlotsRoom): string {
  if (now === null) return "";
  const today = points.find(({ slotsPerGpu }) => slotsPerGpu === now.slotsPerGpu) ?? now;
  const parts: string[] = [];
  if (now.stepFactor - today.stepFactor >= LEAST_STEPS)
    parts.push(`Experts placed anew would take ${stepsText(now, today)}.`);
  const memory = (slots: number) => `${bytes(slots * slotBytes)} of each GPU`;
  const more = points.filter(({ redundant }) => redundant > now.redundant);
  const best = Math.min(...more.map(({ stepFactor }) => stepFactor));
  const enough = more.find(({ stepFactor }) => stepFactor < best + LEAST_STEPS);
  if (enough !== undefined && today.stepFactor - enough.stepFactor >= LEAST_STEPS)
    parts.push(
      `${enough.redundant - now.redundant} more redundant slots would take ${stepsText(today, enough)}, and ${memory(enough.slotsPerGpu - now.slotsPerGpu)}.`,
    );
  else if (more.length > 0) parts.push("More redundant slots would not shorten steps.");
  const fewer = points.find(
    ({ redundant, stepFactor }) => redundant < now.redundant && stepFactor - today.stepFactor < LEAST_STEPS,
  );
  if (fewer !== undefined)
    parts.push(
      `${now.redundant - fewer.redundant} fewer would do, and free ${memory(now.slotsPerGpu - fewer.slotsPerGpu)}.`,
    );
  return parts.join(" ");
}

/** With the tokens that is worth, where the GPUs' times are known. */
function stepsText(from: SlotsPoint, to: SlotsPoint): string {
  const steps = `steps from ${from.stepFactor.toFixed(2)} × to ${to.stepFactor.toFixed(2)} × level`;
  if (from.throughput === null || to.throughput === null) return steps;
  return `${steps} (full ones forward ${percent(to.throughput / from.throughput - 1, 1)} more tokens)`;
}
