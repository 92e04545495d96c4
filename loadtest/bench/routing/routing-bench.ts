import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { NotInstalled } from "../gateway/router.ts";
import { type CaseRun, runCase } from "./case-run.ts";
import type { Case } from "./cases.ts";
import type { RoutingFigures } from "./figures.ts";
import type { RoutingPeer } from "./routing-peer.ts";
import { oracle, virtualRun } from "./virtual-run.ts";

export interface RoutingBench {
  /** By repeat: each has loads of its own seed. */
  readonly repeats: readonly (readonly Case[])[];
  readonly peers: readonly RoutingPeer[];
  /** Routers that are measured at the same time, with engines of their own. */
  readonly abreast: number;
  /** One line of progress. */
  readonly progress: (line: string) => void;
}

export const ORACLE = "oracle";

export interface RoutingResults {
  /** By case and router: of each repeat. */
  readonly figures: ReadonlyMap<string, ReadonlyMap<string, readonly RoutingFigures[]>>;
  /** What each router is, or why it was left out; what failed; the machine's load. */
  readonly notes: readonly string[];
}

/** Every case by every router, in turn, each with engines and a process of its own. */
export async function runRoutingBench({
  repeats,
  peers,
  abreast,
  progress,
}: RoutingBench): Promise<RoutingResults> {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-bench-"));
  const figures = new Map<string, Map<string, RoutingFigures[]>>();
  const notes = new Set<string>();
  const left = new Set<string>();
  const loads: number[] = [];
  let begun = 0;
  const measure = async (one: Case, peer: RoutingPeer | null): Promise<CaseRun | null> => {
    const own = join(folder, `${++begun}`);
    await mkdir(own);
    try {
      return await runCase(one, peer, own);
    } catch (error) {
      if (peer === null || peer.own) throw error;
      const why = (error as Error).message;
      if (error instanceof NotInstalled) left.add(peer.name);
      notes.add(`${peer.name} is left out of “${one.name}”: ${why}`);
      return null;
    }
  };
  const take = (name: string, router: string, run: CaseRun): void => {
    if (run.about !== null) notes.add(run.about);
    if (run.failure !== null)
      notes.add(`${router}, “${name}”: ${run.figures.failed} requests failed, first: ${run.failure}`);
    const ofCase = figures.get(name) ?? new Map<string, RoutingFigures[]>();
    figures.set(name, ofCase.set(router, [...(ofCase.get(router) ?? []), run.figures]));
  };
  // The engines' code is compiled.
  virtualRun(repeats[0][0], oracle);
  try {
    for (const [repeat, cases] of repeats.entries()) {
      for (const one of cases) {
        const routers = [null, ...peers.filter(({ name }) => !left.has(name))];
        // Each begins once, where there are as many repeats.
        const turn = [...routers.keys()].map((i) => routers[(i + repeat) % routers.length]);
        for (let at = 0; at < turn.length; at += abreast) {
          const group = turn.slice(at, at + abreast);
          const names = group.map((peer) => peer?.name ?? ORACLE);
          progress(`${repeat + 1}/${repeats.length}: ${one.name}, ${names.join(", ")}`);
          const runs = await Promise.all(group.map((peer) => measure(one, peer)));
          loads.push(loadavg()[0]);
          for (const [i, run] of runs.entries()) if (run !== null) take(one.name, names[i], run);
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  notes.add(
    `load averages of the machine: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
  );
  return { figures, notes: [...notes] };
}
