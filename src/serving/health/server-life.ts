import type { EngineServer } from "../engine.ts";

/** The shortest time between two reports to other processes that a server lives. */
const REPORT_EVERY_MS = 1000;

/** Finds the servers whose answers are arriving, by the chunks that each counts. */
export class ServerLife {
  readonly #servers: readonly EngineServer[];
  /** `[servers]`: what each had counted at the last look. */
  readonly #received: Float64Array;
  readonly #reportedMs: Float64Array;

  constructor(servers: readonly EngineServer[]) {
    this.#servers = servers;
    this.#received = Float64Array.from(servers, ({ received = 0 }) => received);
    this.#reportedMs = new Float64Array(servers.length).fill(Number.NEGATIVE_INFINITY);
  }

  /** @param alive receives a shard of each, and whether it is time to report it to other processes */
  look(nowMs: number, alive: (shard: number, report: boolean) => void): void {
    for (let i = 0; i < this.#servers.length; i++) {
      const { received = 0, shards } = this.#servers[i];
      if (received === this.#received[i]) continue;
      this.#received[i] = received;
      const report = nowMs - this.#reportedMs[i] >= REPORT_EVERY_MS;
      if (report) this.#reportedMs[i] = nowMs;
      alive(shards[0].rank, report);
    }
  }
}
