import type { EngineServer } from "../engine.ts";

/** Other processes are told that a server lives no more often than this. */
const TELL_EVERY_MS = 1000;

/** Finds the servers of which answers flow, by what each counts of them. */
export class ServerLife {
  readonly #servers: readonly EngineServer[];
  /** `[servers]`: what each had counted when it was looked at last. */
  readonly #received: Float64Array;
  readonly #toldMs: Float64Array;

  constructor(servers: readonly EngineServer[]) {
    this.#servers = servers;
    this.#received = new Float64Array(servers.length);
    this.#toldMs = new Float64Array(servers.length).fill(Number.NEGATIVE_INFINITY);
  }

  /** @param alive hears a shard of each, and whether it is time to tell others */
  look(nowMs: number, alive: (shard: number, tell: boolean) => void): void {
    for (let i = 0; i < this.#servers.length; i++) {
      const { received = 0, shards } = this.#servers[i];
      if (received === this.#received[i]) continue;
      this.#received[i] = received;
      const tell = nowMs - this.#toldMs[i] >= TELL_EVERY_MS;
      if (tell) this.#toldMs[i] = nowMs;
      alive(shards[0].rank, tell);
    }
  }
}
