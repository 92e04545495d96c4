import { bytes, list, time, whole } from "../format.ts";
import type { DecisionRecord } from "../live/wire.ts";
import {
  type ChangedExpert,
  type ChangeKind,
  HOT,
  type ReadChange,
  hotSlots,
  keyOf,
} from "./placement-change.ts";

const GPUS_NAMED = 6;

export const KIND_TITLES: Readonly<Record<ChangeKind, string>> = {
  gained: "gained",
  moved: "moved",
  lost: "lost",
};

/** What a kind means, of slots and of experts. */
export const KIND_WORDS = {
  slots: {
    gained: "the slot holds an expert that has more replicas than before",
    moved: "it holds an expert that has no more replicas than before, and had them elsewhere",
    lost: "it holds nothing any more",
  },
  experts: {
    gained: "more replicas than before",
    moved: "as many replicas, on other slots",
    lost: "fewer replicas than before",
  },
} as const;

/** One slot of a layer, for a person. */
export function slotText(read: ReadChange, layer: string, row: number, slot: number): string {
  const gpu = Math.floor(slot / read.change.topology.slotsPerGpu);
  const where = `${layer}, slot ${slot} on GPU ${gpu}`;
  const changed = read.slots.get(keyOf(row, slot));
  if (changed === undefined) return `${where}: as before`;
  const { before, after } = changed;
  const what =
    after < 0
      ? `empty, in place of expert ${before}`
      : before < 0
        ? `expert ${after}, where nothing was`
        : `expert ${after} in place of expert ${before}`;
  const facts = [after, before].flatMap((expert) => {
    const about = read.experts.get(keyOf(row, expert));
    return about === undefined ? [] : [` · expert ${expert}: ${replicasText(about)}, ${thenText(about)}`];
  });
  return `${where}: ${what}${facts.join("")}`;
}

/** One expert of a layer, for a person. */
export function expertChangeText(read: ReadChange, layer: string, row: number, expert: number): string {
  const changed = read.experts.get(keyOf(row, expert));
  const where = `${layer}, expert ${expert}`;
  if (changed === undefined) return `${where}: as before`;
  const { kind, from, to } = changed;
  const ways = [
    from.length === 0 ? "" : `from ${gpusText(from)}`,
    to.length === 0 ? "" : `to ${gpusText(to)}`,
  ];
  return `${where}: ${kind}, ${replicasText(changed)}, ${ways.filter((way) => way !== "").join(" ")} · ${thenText(changed)}`;
}

/** GPUs, each once, with how often where that is more. */
export function gpusText(gpus: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const gpu of gpus) counts.set(gpu, (counts.get(gpu) ?? 0) + 1);
  const named = [...counts].map(([gpu, count]) => (count === 1 ? `${gpu}` : `${gpu} (${count} ×)`));
  return `GPU ${list(named, GPUS_NAMED)}`;
}

function replicasText({ replicasBefore, replicasAfter }: ChangedExpert): string {
  return `replicas ${replicasBefore} → ${replicasAfter}`;
}

/** Its load as it was expected then, and its place by that. */
export function thenText({ load, place }: ChangedExpert): string {
  if (place === 0) return "its load then is not known";
  return `${load.toFixed(2)} × then, ${place === 1 ? "the heaviest" : `number ${place}`} of its layer`;
}

/** What it changed, in short. */
export function summaryText(read: ReadChange): string {
  const { change, slots, gpus } = read;
  const rows = new Set(change.slots.map(([row]) => row));
  const came = gpus.reduce((sum, one) => sum + one.came, 0);
  const hot = hotSlots(read);
  const epochs = `epoch ${change.epochBefore} → ${change.epochAfter}`;
  if (slots.size === 0) return `No slot holds another expert than before (${epochs}).`;
  const weights = came === 0 ? "" : `, ${bytes(came * change.expertBytes)} of weights`;
  const served =
    hot === 0
      ? ""
      : ` ${whole(hot)} of them ${hot === 1 ? "concerns" : "concern"} one of their layer's ${HOT} heaviest experts.`;
  return `${whole(slots.size)} slots in ${rows.size} of ${change.layers} layers changed${weights} (${epochs}).${served}`;
}

/** Which decision it is. */
export function decisionText({ atMs, kind, reason }: DecisionRecord): string {
  return `${time(atMs)}, ${kind}: ${reason}`;
}
