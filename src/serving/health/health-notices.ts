import { type EngineServer, serverInstance } from "../engine.ts";

/** Notices for people about a pool's health: each once, when it has changed. */
export class HealthNotices {
  readonly #pool: string;
  readonly #onNotice: (line: string) => void;
  /** The last notice about each server. */
  readonly #last = new Map<EngineServer, string>();
  #panicking = false;

  constructor(pool: string, onNotice: (line: string) => void) {
    this.#pool = pool;
    this.#onNotice = onNotice;
  }

  /** What was said of the servers that stay is not said again. */
  resume(before: HealthNotices, servers: readonly EngineServer[]): void {
    const said = new Map([...before.#last].map(([server, line]) => [serverInstance(server), line]));
    for (const server of servers) {
      const line = said.get(serverInstance(server));
      if (line !== undefined && !this.#last.has(server)) this.#last.set(server, line);
    }
    this.#panicking = before.#panicking;
  }

  notify(line: string): void {
    this.#onNotice(`pool ${this.#pool}: ${line}`);
  }

  /**
   * @param lack why it is not ready; null when it is
   * @param loadLack why it reports no load; null when it does
   */
  server(server: EngineServer, lack: string | null, loadLack: string | null): void {
    const well = `${server.name} is ready and reports its load`;
    let line = well;
    if (lack !== null) line = `${server.name} is not ready (${lack})`;
    else if (loadLack !== null)
      line = `${server.name} reports no load (${loadLack}); routed by what is in flight here`;
    if (line === (this.#last.get(server) ?? well)) return;
    this.#last.set(server, line);
    this.notify(line);
  }

  /** @param panicking whether servers that are only late with their answers to probes are sent requests */
  panic(panicking: boolean): void {
    if (panicking === this.#panicking) return;
    this.#panicking = panicking;
    this.notify(
      panicking
        ? "too few servers answer probes in time; those that are only late are sent requests all the same"
        : "servers that are late with their answers to probes are left out again",
    );
  }
}
