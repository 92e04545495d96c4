import type { Config } from "../config/config.ts";
import type { ServerNames } from "./server-names.ts";

export interface ServerWatchParts {
  readonly names: ServerNames;
  /** Goes on by another configuration. */
  readonly reload: (config: Config) => Promise<void>;
  /** Receives a fault when a change cannot be taken; it is tried again. */
  readonly onFault: (fault: Error) => void;
}

/** Keeps a gateway's servers in step with the addresses of their names. Changes are made one at a time. */
export class ServerWatch {
  readonly #parts: ServerWatchParts;
  /** As it was written: with names. */
  #written: Config;
  /** The servers that the gateway goes by. */
  #servers: string;
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  /** @param expanded `written` as the gateway was started by it */
  constructor(parts: ServerWatchParts, written: Config, expanded: Config) {
    this.#parts = parts;
    this.#written = written;
    this.#servers = serversIn(expanded);
  }

  start(): void {
    const { resolveMs } = this.#written.upstream;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (resolveMs === 0 || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#turn = this.#turn.then(() => this.#look());
      void this.#turn.then(() => this.start());
    }, resolveMs);
  }

  /** Goes on by what was written anew. Rejects when the gateway cannot; then nothing has changed. */
  async change(written: Config): Promise<void> {
    const changed = this.#turn.then(() => this.#take(written));
    this.#turn = changed.catch(() => {});
    await changed;
    this.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn;
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    try {
      const expanded = await this.#parts.names.expand(this.#written);
      if (serversIn(expanded) !== this.#servers && !this.#stopped) await this.#goOnBy(expanded);
    } catch (fault) {
      if (!this.#stopped) this.#parts.onFault(fault as Error);
    }
  }

  async #take(written: Config): Promise<void> {
    if (this.#stopped) throw new Error("the gateway is stopping");
    await this.#goOnBy(await this.#parts.names.expand(written));
    this.#written = written;
  }

  async #goOnBy(expanded: Config): Promise<void> {
    await this.#parts.reload(expanded);
    this.#servers = serversIn(expanded);
  }
}

function serversIn({ pools }: Config): string {
  return JSON.stringify(pools);
}
