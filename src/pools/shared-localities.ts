import type { Store } from "../control/store.ts";
import type { Clock } from "../lib/clock.ts";
import { Reading } from "../lib/reading.ts";
import type { Localities } from "../serving/locality/localities.ts";
import type { ModelLocality } from "../serving/locality/model-locality.ts";
import { GROUP_KINDS, type GroupReading, GroupSharer } from "./group-sharer.ts";

const SHARE_EVERY_MS = 1000;

export interface SharedLocalitiesOptions {
  readonly localities: Localities;
  readonly store: Store;
  readonly gateway: string;
  readonly leaseMs: number;
  readonly clustered: boolean;
  readonly clock: Clock;
  readonly onFault: (fault: Error) => void;
}

/** Shares the groups of every model that there is, over reloads. */
export class SharedLocalities {
  /** Counts what cannot be read. */
  readonly reading: GroupReading;
  readonly #options: SharedLocalitiesOptions;
  readonly #sharers = new Map<string, GroupSharer>();
  #begun = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #sharing: Promise<void> = Promise.resolve();

  constructor(options: SharedLocalitiesOptions) {
    this.#options = options;
    this.reading = new Reading("groups of requests", GROUP_KINDS, options.onFault);
  }

  start(): void {
    this.#sharing = this.#share();
  }

  /** Leaves what was learned last for the next. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#sharing;
    await Promise.all([...this.#sharers.values()].map((one) => one.stop()));
  }

  async #share(): Promise<void> {
    const all = [...this.#options.localities.all];
    for (const [model, sharer] of this.#sharers) {
      if (all.includes(sharer.locality)) continue;
      this.#sharers.delete(model);
      await sharer.stop();
    }
    const fresh = all.filter(({ model }) => !this.#sharers.has(model)).map((one) => this.#begin(one));
    await Promise.all(fresh.map((one) => one.start()));
    await Promise.all([...this.#sharers.values()].map((one) => one.share()));
    if (!this.#stopped)
      this.#timer = setTimeout(() => {
        this.#sharing = this.#share();
      }, SHARE_EVERY_MS).unref();
  }

  #begin(locality: ModelLocality): GroupSharer {
    const { store, gateway, leaseMs, clustered, clock, onFault } = this.#options;
    const sharer = new GroupSharer({
      locality,
      // No pool's name has a colon.
      store: store.pool(`model:${locality.model}`),
      holder: `${gateway}:${this.#begun++}`,
      leaseMs,
      clustered,
      clock,
      reading: this.reading,
      onFault,
    });
    this.#sharers.set(locality.model, sharer);
    return sharer;
  }
}
