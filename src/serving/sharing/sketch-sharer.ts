import type { Learned } from "../../core/load/expert-sketch.ts";
import type { ExpertAffinity } from "../affinity/expert-affinity.ts";

const SHARE_EVERY_MS = 5000;
/** Kinds published at a time; one of DeepSeek-V3 has 59 kB. */
const MOST_PUBLISHED = 32;

/** Where what was learned is kept for all; as `PoolStore` in control/store.ts. */
export interface LearnedStore {
  offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null>;
  learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]>;
}

/**
 * Gateways learn from each other which experts requests use, and a gateway that starts resumes what was learned. What
 * rests on about as much evidence as what is kept takes its place: it is newer.
 */
export class SketchSharer {
  readonly #store: LearnedStore;
  readonly #affinity: ExpertAffinity;
  #timer: NodeJS.Timeout | null = null;
  #sharing: Promise<void> = Promise.resolve();

  constructor(store: LearnedStore, affinity: ExpertAffinity) {
    this.#store = store;
    this.#affinity = affinity;
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
        if (bytes !== null) this.#affinity.take(key, tenant, decode(bytes));
      }
      for (const [key, learned] of this.#affinity.changed(MOST_PUBLISHED)) {
        const evidence = Math.floor(Math.log2(1 + learned.tokens));
        await this.#store.offer(`${key}`, evidence, encode(learned));
      }
    } catch {
      // The store reports itself that it is gone; what changes later is published later.
    }
  }
}

/** Tokens as float64, then counts as float32, little-endian. */
function encode({ tokens, counts }: Learned): Uint8Array {
  const bytes = new Uint8Array(8 + counts.byteLength);
  new DataView(bytes.buffer).setFloat64(0, tokens, true);
  bytes.set(new Uint8Array(counts.buffer, counts.byteOffset, counts.byteLength), 8);
  return bytes;
}

function decode(bytes: Uint8Array): Learned {
  const own = new Uint8Array(bytes);
  return { tokens: new DataView(own.buffer).getFloat64(0, true), counts: new Float32Array(own.buffer, 8) };
}
