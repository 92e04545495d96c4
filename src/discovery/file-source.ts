import { stat } from "node:fs/promises";
import type { FileDiscovery } from "../config/discover-config.ts";
import { readYamlFile } from "../config/yaml-file.ts";
import { FileWatch } from "../files/file-watch.ts";
import { readServerList } from "./server-list.ts";
import { SourceState } from "./source-state.ts";
import type { ServerSource, SourceListener } from "./source.ts";

/** How often it is looked at. */
const LOOK_MS = 500;

/** A list in a YAML or JSON file, which is read again when it has changed. */
export class FileSource implements ServerSource {
  readonly what: string;
  readonly #discovery: FileDiscovery;
  readonly #lookMs: number;
  readonly #watch: FileWatch;
  readonly state: SourceState;
  #reading: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(discovery: FileDiscovery, listener: SourceListener, lookMs = LOOK_MS) {
    this.what = `the list of servers in ${discovery.path}`;
    this.#discovery = discovery;
    this.#lookMs = lookMs;
    this.#watch = new FileWatch(() => {
      this.#reading = this.#reading.then(() => this.#read());
    });
    this.state = new SourceState(this.what, listener);
  }

  async start(): Promise<void> {
    await this.#watch.watch([this.#discovery.path], this.#lookMs);
    await this.#read();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch.stop();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { path, role } = this.#discovery;
    try {
      // Of one that is not there, the system's word is enough.
      await stat(path);
      const { value, sourceOf } = await readYamlFile(path);
      const endpoints = readServerList(value, role, { sourceOf, field: [] });
      if (!this.#stopped) this.state.found(endpoints);
    } catch (error) {
      if (this.#stopped) return;
      const { code, message } = error as NodeJS.ErrnoException;
      this.state.failed(`cannot be read (${code ?? message})`);
    }
  }
}
