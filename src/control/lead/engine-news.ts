import type { Clock } from "../../lib/clock.ts";
import { oneLine } from "../../lib/printable.ts";
import type { EngineFault, WatchedEngine } from "../../model/watched-engine.ts";
import type { PoolView } from "../follow/pool-view.ts";
import { EngineWatch, type Moment } from "../ingest/engine-watch.ts";
import type { EngineWindow } from "../messages/engine-window.ts";
import { encodeEngine } from "../messages/stored-engine.ts";
import type { PoolPublisher } from "./pool-publisher.ts";

export interface EngineNewsOptions {
  readonly publisher: PoolPublisher;
  /** What this gateway follows: what the last leader knew, and what somebody has spoilt since. */
  readonly view: Pick<PoolView, "engine" | "unreadable">;
  /** Requests that the pool's servers are working on, of all gateways. */
  readonly requestsInFlight: () => number;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Receives one line when a fault begins, when its ranks are others, and when it ends. */
  readonly onNotice: (line: string) => void;
}

/** Watches the engine's own load balancing for a term, and publishes what it finds. */
export class EngineNews {
  readonly #options: EngineNewsOptions;
  readonly #watch: EngineWatch;
  /** What is published. */
  #published: WatchedEngine | null;

  constructor(options: EngineNewsOptions) {
    this.#options = options;
    this.#published = options.view.engine;
    this.#watch = new EngineWatch(this.#published, options.clock.now());
  }

  receive(report: EngineWindow): void {
    this.#watch.receive(report, this.#now());
  }

  /** What has changed since the last time. Rejects as the store does. */
  async publish(): Promise<void> {
    this.#watch.pass(this.#now());
    const { publisher, view, onNotice } = this.#options;
    const { engine } = this.#watch;
    const before = this.#published;
    if (engine === before && !view.unreadable.has("engine")) return;
    await publisher.put("engine", encodeEngine(engine));
    this.#published = engine;
    for (const line of changes(before, engine))
      onNotice(`pool ${publisher.state.snapshot.pool}: ${oneLine(line)}`);
  }

  #now(): Moment {
    const { clock, wallClock, requestsInFlight } = this.#options;
    return { nowMs: clock.now(), atMs: wallClock(), inFlight: requestsInFlight() };
  }
}

function changes(before: WatchedEngine | null, engine: WatchedEngine | null): readonly string[] {
  const were = before?.faults ?? [];
  if (engine === null) return were.length === 0 ? [] : [`${before?.name} is watched no more`];
  const { name, faults } = engine;
  const begun = faults.filter((fault) => !were.some((one) => isSame(one, fault)));
  const over = were.filter(({ kind }) => !faults.some((fault) => fault.kind === kind));
  return [
    ...begun.map(({ kind, text }) => `${name}: ${kind}: ${text}`),
    ...over.map(({ kind }) => `${name}: no longer ${kind}`),
  ];
}

function isSame(one: EngineFault, other: EngineFault): boolean {
  return one.kind === other.kind && one.ranks.join() === other.ranks.join();
}
