import { randomBytes } from "node:crypto";
import { GPU_ROW_S, gpuRowsTogether } from "../history/gpu-row.ts";
import { type Part, isOver, partName, partSeconds, partsOf } from "../history/gpu-parts.ts";
import { inSteps } from "../history/falling-rows.ts";
import { decodeGpus, encodeGpus } from "../messages/stored-gpus.ts";
import type { PoolReading } from "../messages/pool-reading.ts";
import type { GpuLog } from "./gpu-log.ts";
import type { PoolPublisher } from "./pool-publisher.ts";

/** What is stored is looked through this often. */
const LOOKED_EVERY_S = 60;
/** Times that are made coarser at once: others wait for the next look. */
const MOST_AT_ONCE = 3;

/**
 * Stores what a pool's GPUs did: the newest part as often as the history, others never again until they are an hour old.
 * Then all parts of a time become one with rows of a minute; after a day it is forgotten. Each leader writes parts of its
 * own, so that none overwrites what another has stored, and one that begins need not read any.
 */
export class GpuPast {
  readonly #publisher: PoolPublisher;
  readonly #log: GpuLog;
  readonly #reading: PoolReading;
  readonly #wallClock: () => number;
  readonly #writer = randomBytes(6).toString("hex");
  #lookedAtS = 0;

  constructor(publisher: PoolPublisher, log: GpuLog, reading: PoolReading, wallClock: () => number) {
    this.#publisher = publisher;
    this.#log = log;
    this.#reading = reading;
    this.#wallClock = wallClock;
  }

  /** Stores what is new. Rejects as the store does. */
  async keep(): Promise<void> {
    const parts = [...this.#log.parts()].map(
      ([atS, rows]) => [partName(atS, GPU_ROW_S, this.#writer), encodeGpus(rows)] as const,
    );
    if (parts.length > 0) await this.#publisher.keep(new Map(parts));
    this.#log.stored();
  }

  /** Makes coarser what is old, and forgets what is too old, if it is time to look for that. Rejects as the store does. */
  async fall(): Promise<void> {
    const nowS = Math.floor(this.#wallClock() / 1000);
    if (Math.abs(nowS - this.#lookedAtS) < LOOKED_EVERY_S) return;
    this.#lookedAtS = nowS;
    const parts = partsOf(await this.#publisher.keptNames());
    const over = parts.filter((part) => isOver(part, nowS));
    if (over.length > 0) await this.#publisher.keep(new Map(over.map(({ name }) => [name, null])));
    const due = parts.filter((part) => !over.includes(part) && partSeconds(part, nowS) > part.seconds);
    const times = [...new Set(due.map(({ atS }) => atS))].slice(0, MOST_AT_ONCE);
    for (const time of times)
      await this.#together(
        parts.filter(({ atS }) => atS === time),
        nowS,
      );
  }

  /** Of one time. What cannot be read stays as it is until it is forgotten. */
  async #together(parts: readonly Part[], nowS: number): Promise<void> {
    const kept = await this.#publisher.kept(parts.map(({ name }) => name));
    const read = parts.flatMap((part, i) => {
      const bytes = kept[i];
      const rows = bytes === null ? [] : this.#reading.read("gpu_history", () => decodeGpus(bytes));
      return rows === null ? [] : [{ part, rows }];
    });
    if (read.length === 0) return;
    const seconds = partSeconds(parts[0], nowS);
    const rows = read.flatMap((one) => one.rows).toSorted((a, b) => a.atS - b.atS);
    const together = partName(parts[0].atS, seconds, this.#writer);
    await this.#publisher.keep(
      new Map<string, Uint8Array | null>([
        ...read.map(({ part }) => [part.name, null] as const),
        [together, encodeGpus(inSteps(rows, seconds, gpuRowsTogether))],
      ]),
    );
  }
}
