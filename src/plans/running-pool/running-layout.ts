import { InputError } from "../../lib/errors.ts";
import type { Deployment } from "../../model/deployment.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { Parallelism } from "../../twin/calibration/serving-point.ts";
import type { PublishedPool } from "./published.ts";
import type { FoundPool } from "./found-pool.ts";

/** What a gateway does not know of real engines. */
export interface LayoutFlags {
  /** GPUs that share the attention of a sequence. */
  readonly attentionTp?: number;
  /** GPUs of a server that experts are spread over. */
  readonly ep?: number;
  /** Tokens of a rank's step. */
  readonly stepTokens?: number;
}

/** How a pool's GPUs are laid out: units alike. */
export interface RunningLayout {
  readonly units: number;
  readonly decode: Parallelism;
  readonly prefill: Parallelism | null;
  /** Places for experts as the configuration has them; null where it does not say. */
  readonly topology: Topology | null;
  /** What is not quite so, in sentences. */
  readonly notes: readonly string[];
}

/** GPUs of a node, that may share the attention of a sequence. */
const MOST_TP = 8;

/** @throws InputError in one line that names what is missing */
export function runningLayout(found: FoundPool, flags: LayoutFlags): RunningLayout {
  const { front, prefill } = found;
  const deployment = front.deployment;
  const topology = deployment?.experts?.topology ?? null;
  if (deployment?.kind === "simulated" && topology !== null) {
    const gpus = gpuCount(topology);
    refuseOf(flags, "a simulated pool, whose layout the gateway knows");
    return { units: 1, decode: { tp: 1, dp: gpus, ep: gpus, moeTp: 1 }, prefill: null, topology, notes: [] };
  }
  if (topology !== null) return wholePool(found, topology, flags);
  if (flags.attentionTp === undefined)
    throw new InputError(
      "--attention-tp",
      "",
      "is missing: the gateway does not know how many GPUs share the attention of a sequence; expected 1 to 64",
    );
  const decode = serverOf(front, flags.attentionTp, flags);
  const away = awayNotes([front, ...(prefill === null ? [] : [prefill])]);
  const there = readyServers(front);
  if (prefill === null) return { units: there, decode, prefill: null, topology: null, notes: away };
  const prompts = serverOf(prefill, flags.attentionTp, flags);
  const units = greatestCommon(there, readyServers(prefill));
  const [answering, prompting] = [there / units, readyServers(prefill) / units];
  const merged = answering > 1 || prompting > 1;
  return {
    units,
    decode: times(decode, answering),
    prefill: times(prompts, prompting),
    topology: null,
    notes: merged
      ? [
          ...away,
          `a unit is ${prompting} prefill and ${answering} decode servers; the model has each kind as one pool whose experts are over all of its GPUs`,
        ]
      : away,
  };
}

/** One expert-parallel group over all GPUs: ranks are its shards. */
function wholePool({ front }: FoundPool, topology: Topology, flags: LayoutFlags): RunningLayout {
  const gpus = gpuCount(topology);
  const tp = flags.attentionTp ?? gpus / front.shards.length;
  if (!Number.isInteger(tp) || gpus % tp !== 0 || (tp > MOST_TP && flags.attentionTp === undefined))
    throw new InputError(
      "--attention-tp",
      "",
      `${flags.attentionTp === undefined ? "is missing" : `is ${tp}`}: the pool has ${gpus} GPUs and ${front.shards.length} shards; expected how many GPUs share the attention of a sequence, a divisor of ${gpus}`,
    );
  if (flags.ep !== undefined)
    throw new InputError("--ep", "", "is of servers; this pool's topology says where its experts are");
  return { units: 1, decode: { tp, dp: gpus / tp, ep: gpus, moeTp: 1 }, prefill: null, topology, notes: [] };
}

function serverOf({ shards, servers }: PublishedPool, tp: number, { ep }: LayoutFlags): Parallelism {
  const dp = Math.max(1, Math.round(shards.length / Math.max(1, servers)));
  const gpus = tp * dp;
  const over = ep ?? gpus;
  if (gpus % over !== 0)
    throw new InputError(
      "--ep",
      "",
      `is ${over}; expected a divisor of a server's ${gpus} GPUs (${dp} ranks of ${tp})`,
    );
  return { tp, dp, ep: over, moeTp: gpus / over };
}

/** Servers of which a shard is ready; of those that are all away, nothing can be measured. */
function readyServers({ shards, servers }: PublishedPool): number {
  const each = Math.max(1, Math.round(shards.length / Math.max(1, servers)));
  const ready = Array.from({ length: servers }, (_, i) =>
    shards.slice(i * each, (i + 1) * each).some(({ health }) => health.ready),
  );
  return Math.max(1, ready.filter((one) => one).length);
}

function awayNotes(parts: readonly PublishedPool[]): string[] {
  return parts.flatMap((part) => {
    const away = part.servers - readyServers(part);
    return away <= 0
      ? []
      : [`${away} of the ${part.servers} servers of ${part.pool} are not ready, and not counted`];
  });
}

function times({ tp, dp, ep, moeTp }: Parallelism, count: number): Parallelism {
  return { tp, dp: dp * count, ep: ep * count, moeTp };
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b);
}

function refuseOf({ attentionTp, ep, stepTokens }: LayoutFlags, what: string): void {
  const given = { "--attention-tp": attentionTp, "--ep": ep, "--step-tokens": stepTokens };
  for (const [flag, value] of Object.entries(given))
    if (value !== undefined) throw new InputError(flag, "", `has no effect on ${what}; leave it out`);
}

/** Which engine's way of filling steps the twin takes. */
export function batchingOf(kind: Deployment["kind"] | undefined): "plain" | "vllm" | "sglang" {
  if (kind === "simulated") return "plain";
  return kind === "sglang" ? "sglang" : "vllm";
}
