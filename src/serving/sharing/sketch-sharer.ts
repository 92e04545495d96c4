import type { Reading } from "../../lib/reading.ts";
import type { ExpertAffinity } from "../affinity/expert-affinity.ts";
import { decodeSketch, encodeSketch } from "./sketch-bytes.ts";

const SHARE_EVERY_MS = 5000;
/** Kinds published at a time; one of DeepSeek-V3 has 59 kB. */
const MOST_PUBLISHED = 32;

/** Where what was learned is kept for all; as `PoolStore` in control/store.ts. */
export interface LearnedStore {
  offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null>;
  learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]>;
}

/** Where those that cannot be read are counted; as `PoolReading` in control/messages. */
type SketchReading = Pick<Reading<"expert_sketch">, "read">;

/**
 * Gateways learn from each other which experts requests use, and a gateway that starts resumes what was learned. What
 * rests on about as much evidence as what is kept takes its place: it is newer.
 */
export class SketchSharer {
  readonly #store: LearnedStore;
  readonly #affinity: ExpertAffinity;
  readonly #reading: SketchReading;
  #timer: NodeJS.Timeout | null = null;
  #sharing: Promise<void> = Promise.resolve();

  constructor(store: LearnedStore, affinity: ExpertAffinity, reading: SketchReading) {
    this.#store = store;
    this.#affinity = affinity;
    this.#reading = reading;
  }

  start(): void {
    this.#sharing = this.share();
    this.#timer = setInterval(() => {
      this.#sharing = this.#sharing.then(() => this.share());
    }, SHARE_EVERY_MS);
  }

  /** Publishes what was learned last before it ends. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#sharing;
    await this.share();
  }

  /** Once. Resolves also when the store does not answer. */
  async share(): Promise<void> {
    const wanted = this.#affinity.wanted();
    try {
      const found = await this.#store.learned(wanted.map(([key]) => `${key}`));
      for (const [i, [key, tenant]] of wanted.entries()) {
        const bytes = found[i];
        if (bytes === null) continue;
        const { selections } = this.#affinity;
        const learned = this.#reading.read("expert_sketch", () => decodeSketch(bytes, selections));
        if (learned !== null) this.#affinity.take(key, tenant, learned);
      }
      for (const [key, learned] of this.#affinity.changed(MOST_PUBLISHED)) {
        const evidence = Math.floor(Math.log2(1 + learned.tokens));
        await this.#store.offer(`${key}`, evidence, encodeSketch(learned));
      }
    } catch {
      // The store reports itself that it is gone; what changes later is published later.
    }
  }
}
