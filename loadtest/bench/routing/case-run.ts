import { setTimeout } from "node:timers/promises";
import type { Case } from "./cases.ts";
import { sendOpenLoop } from "./client.ts";
import { EngineServer } from "./engine-server.ts";
import { type RoutingFigures, figuresOf } from "./figures.ts";
import { oracleChoice } from "./oracle.ts";
import type { RoutingPeer, RunningPeer } from "./routing-peer.ts";

/** For connections and first probes. */
const SETTLE_MS = 500;

export interface CaseRun {
  readonly figures: RoutingFigures;
  /** What the router is; null for the oracle. */
  readonly about: string | null;
  /** What became of the first request that was not answered whole; null where all were. */
  readonly failure: string | null;
}

/**
 * Plays a case against engines of its own, by the clock.
 * @param peer null for the oracle, which sends to the engines itself
 * @param folder its own, for the router's files
 */
export async function runCase(
  { engines: settings, changes, requests, firstCounted }: Case,
  peer: RoutingPeer | null,
  folder: string,
): Promise<CaseRun> {
  const servers = settings.map((one) => new EngineServer(one));
  const engines = servers.map(({ engine }) => engine);
  const there = new Uint8Array(servers.length).fill(1);
  let running: RunningPeer | null = null;
  try {
    for (const server of servers) await server.start();
    for (const { kind, engine } of changes) if (kind === "joins") there[engine] = 0;
    const from = servers.filter((_, i) => there[i] === 1).map(({ address }) => address);
    running = peer === null ? null : await peer.start(from, folder);
    await setTimeout(SETTLE_MS);
    const durationMs = requests[requests.length - 1].atMs;
    const fromMs = performance.now();
    const happening = changes.map(async ({ kind, engine, at }) => {
      await setTimeout(at * durationMs);
      const server = servers[engine];
      if (kind === "stops") {
        there[engine] = 0;
        await server.stop();
        return;
      }
      if (kind === "returns") await server.start();
      there[engine] = 1;
      if (kind === "joins") await running?.join(server.address);
    });
    const outcomes = await sendOpenLoop(
      requests,
      (request) => {
        if (request.id === firstCounted) for (const engine of engines) engine.resetServed();
        if (running !== null) return running.address;
        return servers[oracleChoice(engines, there, request, performance.now())].address;
      },
      fromMs,
    );
    await Promise.all(happening);
    const counted = outcomes.slice(firstCounted);
    return {
      figures: figuresOf(
        counted,
        engines.map(({ served }) => served),
      ),
      about: running?.about ?? null,
      failure: counted.find(({ failure }) => failure !== null)?.failure ?? null,
    };
  } finally {
    await running?.stop();
    for (const server of servers) await server.stop();
  }
}
