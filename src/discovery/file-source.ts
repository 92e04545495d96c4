import { stat } from "node:fs/promises";
import type { FileDiscovery } from "../config/discover-config.ts";
import { readYamlFile } from "../config/yaml-file.ts";
import { readServerList } from "./server-list.ts";
import { SourceState } from "./source-state.ts";
import type { ServerSource, SourceListener } from "./source.ts";

/** How often it is looked at. Every file system says when a file has changed; not every one calls. */
const LOOK_MS = 500;

/**
 * A list in a YAML or JSON file. It is read again when it was replaced or written to and has then stayed as it is from
 * one look to the next: of one that is being written, only a part may be there.
 */
export class FileSource implements ServerSource {
  readonly what: string;
  readonly #discovery: FileDiscovery;
  readonly #lookMs: number;
  readonly state: SourceState;
  /** As it was when it was read last, and at the last look. */
  #read = "";
  #seen = "";
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(discovery: FileDiscovery, listener: SourceListener, lookMs = LOOK_MS) {
    this.what = `the list of servers in ${discovery.path}`;
    this.#discovery = discovery;
    this.#lookMs = lookMs;
    this.state = new SourceState(this.what, listener);
  }

  async start(): Promise<void> {
    await this.#look(true);
    this.#await();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
  }

  #await(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look(false);
      void this.#looking.then(() => this.#await());
    }, this.#lookMs).unref();
  }

  /** @param atOnce whether it is read though it may still change */
  async #look(atOnce: boolean): Promise<void> {
    const { path, role } = this.#discovery;
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(path);
      const now = [ino, size, mtimeMs, ctimeMs].join();
      const settled = atOnce || now === this.#seen;
      this.#seen = now;
      if (!settled || now === this.#read) return;
      this.#read = now;
      const { value, sourceOf } = await readYamlFile(path);
      const endpoints = readServerList(value, role, { sourceOf, field: [] });
      if (!this.#stopped) this.state.found(endpoints);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // What is said of a file may be right of it again later.
      if (code !== undefined) this.#read = "";
      if (!this.#stopped) this.state.failed(`cannot be read (${code ?? message})`);
    }
  }
}
