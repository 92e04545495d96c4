import { opendir, rm } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../lib/errors.ts";
import { countedLayers, layersOfRows, rowsOf } from "../../model/layer-numbers.ts";
import { type ExpertLoad, countingRow, emptyLoad, loadRows } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { ServerAccess } from "../../model/server-access.ts";
import { accessHeaders } from "../http/credentials.ts";
import { ServerConnections } from "../http/server-connections.ts";
import { DumpThread } from "./dump-thread.ts";

export interface SglangRecorderOptions {
  readonly urls: readonly string[];
  /** How to connect to each, in the order of `urls`; as its URL says where it is absent. */
  readonly access?: readonly ServerAccess[];
  /** Sent as a bearer token; null for none. */
  readonly apiKey: string | null;
  /** Where the servers write, as this process sees it (`SGLANG_EXPERT_DISTRIBUTION_RECORDER_DIR`). */
  readonly directory: string;
  readonly model: MoeModel;
  /** For the dumps of one taking together; 30 s where it is absent. */
  readonly readWithinMs?: number;
}

/** An answer comes once the servers' ranks have written. */
const WITHIN_MS = 30_000;
const TIMEOUTS = {
  connectTimeoutMs: WITHIN_MS,
  firstTokenTimeoutMs: WITHIN_MS,
  idleTimeoutMs: WITHIN_MS,
  connections: 1,
};
/** Names looked through in the servers' folder. */
const MOST_NAMES = 10_000;
const DUMP = /^expert_distribution_recorder_.*\.pt$/;

/** The expert distribution recorder of SGLang servers, started in one of its `stat` modes. */
export class SglangRecorder {
  readonly #options: SglangRecorderOptions;
  /** Dumps that were there before, or could not be read: they are ignored. */
  #ignored = new Set<string>();
  readonly #closing = new AbortController();

  constructor(options: SglangRecorderOptions) {
    this.#options = options;
  }

  /** Counts from now on. @throws Error where a server does not, InputError where the folder cannot be read */
  async start(): Promise<void> {
    this.#ignored = new Set(await this.#dumps());
    await this.#ask("start_expert_distribution_record");
  }

  /**
   * What was counted since the last call; the dumps are removed.
   * @returns `[MoE layers][experts]`; null where nothing was written
   * @throws Error where a server does not answer, or for a dump that cannot be read, not in time, or is of another shape
   */
  async take(): Promise<ExpertLoad | null> {
    await this.#ask("dump_expert_distribution_record");
    const { directory, model, readWithinMs = WITHIN_MS } = this.#options;
    const fresh = (await this.#dumps()).filter((name) => !this.#ignored.has(name));
    if (fresh.length === 0) return null;
    const sum = emptyLoad(model.moeLayers.length, model.experts);
    const thread = new DumpThread(this.#within(readWithinMs));
    try {
      for (const name of fresh) {
        const path = join(directory, name);
        // A dump that cannot be read is not tried again.
        this.#ignored.add(name);
        add(sum, await thread.read(path), model, path);
        await rm(path, { force: true });
        this.#ignored.delete(name);
      }
    } finally {
      thread.end();
    }
    return sum;
  }

  /** Gives up what is asked or read at the time: it rejects. */
  close(): void {
    this.#closing.abort(new Error("it is read no longer"));
  }

  #within(ms: number): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(ms), this.#closing.signal]);
  }

  async #dumps(): Promise<string[]> {
    const { directory } = this.#options;
    const names: string[] = [];
    try {
      for await (const { name } of await opendir(directory)) {
        if (names.push(name) > MOST_NAMES)
          throw new InputError(directory, "", `holds more than ${MOST_NAMES} files; remove what is old`);
      }
      return names.filter((name) => DUMP.test(name));
    } catch (cause) {
      if (cause instanceof InputError) throw cause;
      // Servers make it when they first write.
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw new InputError(
        directory,
        "",
        `cannot be read (${(cause as Error).message}); name the folder that the servers write to`,
      );
    }
  }

  async #ask(what: string): Promise<void> {
    const { urls, access, apiKey } = this.#options;
    for (const [i, url] of urls.entries()) {
      const own = access?.[i] ?? null;
      const connections = new ServerConnections(url, TIMEOUTS, accessHeaders(own, apiKey), own?.tls ?? null);
      try {
        const { status } = await connections.ask(`/${what}`, this.#within(WITHIN_MS), "POST");
        if (status !== 200) throw new Error(`${url} answered POST /${what} with ${status}`);
      } finally {
        await connections.close();
      }
    }
  }
}

/** Adds the rows of the layers that route to experts. */
function add(sum: ExpertLoad, load: ExpertLoad, model: MoeModel, path: string): void {
  const given = layersOfRows(load.layers, model) ?? [];
  const counted = countedLayers(model, given);
  const rows = rowsOf(counted, given);
  if (load.experts !== sum.experts || rows === null)
    throw new InputError(
      path,
      "logical_count",
      `is of ${load.layers} layers of ${load.experts} experts; ${model.name} has ${model.layers} of ${model.experts}`,
    );
  const kept = new Set(rows);
  const counting = countingRow(
    load,
    given.keys().filter((row) => !kept.has(row)),
  );
  if (counting >= 0) {
    const hint = `counts tokens in layer ${given[counting]}, where ${model.name} has no experts; name its model`;
    throw new InputError(path, "logical_count", hint);
  }
  // Layers for multi-token prediction come last: what SGLang does not count of them stays 0.
  const { tokens } = loadRows(load, rows);
  for (let i = 0; i < tokens.length; i++) sum.tokens[i] += tokens[i];
}
