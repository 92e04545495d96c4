import { setTimeout as sleep } from "node:timers/promises";
import { gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import type { ModelRank } from "./model-rank.ts";
import { type PlacementAnswer, placementOf } from "./rank-agent.ts";

const WAIT_SECONDS = 1;
const AGAIN_MS = 50;
const MOST_EXPERTS = 2 ** 16;

/** What one gateway was seen to serve. */
export interface Served {
  lowest: number;
  highest: number;
}

/**
 * Watches what every gateway serves, and holds it against what the ranks really have: every replica that a snapshot
 * names is ready on a live rank, or on one of whose death no snapshot had taken note yet; every expert has a replica or
 * is named as missing; and no gateway serves a lower epoch after a higher one.
 */
export class Referee {
  readonly violations: string[] = [];
  /** By gateway's number, since the last `forget`. */
  readonly served: Served[] = [];
  /** The last answer of each gateway. */
  readonly last: (PlacementAnswer | null)[] = [];
  readonly #ranks: readonly ModelRank[];
  /** By rank: the first epoch that did without it, while it is dead. */
  readonly #goneAt = new Map<number, number>();
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #newest: number[] = [];

  constructor(ranks: readonly ModelRank[]) {
    this.#ranks = ranks;
  }

  /** @param url null while it is not to be asked */
  watch(pool: string, gateway: number, url: () => string | null): void {
    this.#newest[gateway] = 0;
    this.last[gateway] = null;
    this.served[gateway] = { lowest: Number.POSITIVE_INFINITY, highest: 0 };
    this.#loops.push(this.#follow(pool, gateway, url));
  }

  /** A new process has seen nothing yet; it may begin with any epoch that was published. */
  restarted(gateway: number): void {
    this.#newest[gateway] = 0;
    this.last[gateway] = null;
  }

  /** A rank came back. */
  revived(rank: number): void {
    this.#goneAt.delete(rank);
  }

  forget(): void {
    for (const [gateway, newest] of this.#newest.entries())
      this.served[gateway] = { lowest: newest === 0 ? Number.POSITIVE_INFINITY : newest, highest: newest };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  async #follow(pool: string, gateway: number, url: () => string | null): Promise<void> {
    const { signal } = this.#stopping;
    let tag = "";
    while (!signal.aborted) {
      try {
        const base = url();
        if (base === null) throw new Error("not to be asked");
        const path = `${base}/ep/v1/placement/${pool}?state=published&wait=${WAIT_SECONDS}`;
        const late = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
        const response = await fetch(path, { headers: { "if-none-match": tag }, signal: late });
        if (response.status === 304) continue;
        if (!response.ok) throw new Error(`${response.status}`);
        tag = response.headers.get("etag") ?? "";
        this.#judge(gateway, (await response.json()) as PlacementAnswer);
      } catch {
        tag = "";
        await sleep(AGAIN_MS);
      }
    }
  }

  #judge(gateway: number, answer: PlacementAnswer): void {
    const { epoch, missing } = answer;
    const newest = this.#newest[gateway];
    if (epoch < newest) this.violations.push(`gateway ${gateway} served epoch ${epoch} after ${newest}`);
    this.last[gateway] = answer;
    const served = this.served[gateway];
    served.lowest = Math.min(served.lowest, epoch);
    served.highest = Math.max(served.highest, epoch);
    if (epoch === newest) return;
    this.#newest[gateway] = epoch;

    const { layers, topology, physicalToLogical } = placementOf(answer);
    const width = slotCount(topology);
    const named = new Set<number>();
    const covered = new Set<number>();
    for (let i = 0; i < layers * width; i++) {
      const expert = physicalToLogical[i];
      if (expert < 0) continue;
      const layer = Math.floor(i / width);
      const { rank, alive } = this.#ranks[gpuOfSlot(topology, i % width)];
      named.add(rank);
      covered.add(layer * MOST_EXPERTS + expert);
      if (alive && epoch > Math.max(1, this.#ranks[rank].bornAt) && !this.#ranks[rank].holds(layer, expert))
        this.violations.push(`epoch ${epoch} names ${layer}:${expert} on rank ${rank}, which is not ready`);
    }
    for (const { rank, alive } of this.#ranks) {
      if (alive) continue;
      const gone = this.#goneAt.get(rank);
      if (!named.has(rank)) this.#goneAt.set(rank, Math.min(gone ?? epoch, epoch));
      else if (gone !== undefined && epoch > gone)
        this.violations.push(`epoch ${epoch} names rank ${rank}, without which ${gone} did already`);
    }
    for (const { layer, experts } of missing)
      for (const expert of experts) covered.add(layer * MOST_EXPERTS + expert);
    const experts =
      Math.max(...(physicalToLogical as Int32Array), ...missing.flatMap((one) => one.experts)) + 1;
    if (covered.size !== layers * experts)
      this.violations.push(`epoch ${epoch} leaves ${layers * experts - covered.size} experts out`);
  }
}
