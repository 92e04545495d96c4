import { expect, vi } from "vitest";
import { gpusInService } from "../../src/model/placement.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { type ModelCluster, ROUND_MS, TOPOLOGY } from "../../harness/fakes/model-cluster.ts";

export const ALL_RANKS = Array.from({ length: gpuCount(TOPOLOGY) }, (_, rank) => rank);

export function without(...gone: number[]): number[] {
  return ALL_RANKS.filter((rank) => !gone.includes(rank));
}

/** What a cluster with faked timers is led through, as seen from its second gateway. */
export function stepsOf(current: () => ModelCluster) {
  const view = () => current().members[1].loop.view;

  async function rounds(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      current().nowMs += ROUND_MS;
      await vi.advanceTimersByTimeAsync(ROUND_MS);
    }
  }

  const settle = () => vi.advanceTimersByTimeAsync(0);

  /** All ranks do as they are told, as long as there is something to do. */
  async function obeyed(gateway = 1): Promise<void> {
    for (let i = 0; i < 40; i++) {
      for (const rank of ALL_RANKS) await current().poll(rank, gateway);
      await settle();
    }
  }

  /** At work on the first group of a placement for a skewed load, which nobody has prepared. */
  async function rollingOut(): Promise<void> {
    for (let seed = 0; seed < 40 && view().rollout.pending === null; seed++) {
      await current().load(seed >> 3, 1);
      await rounds(1);
    }
    expect(view().rollout.pending).toMatchObject({ phase: "prepare", chunk: 1 });
  }

  /** Ranks that the snapshot in force names. */
  const named = () => [...gpusInService((current().published as RoutingSnapshot).placement)];

  return { rounds, settle, obeyed, rollingOut, view, named };
}
