import { setTimeout as sleep } from "node:timers/promises";
import type { AdminState } from "./admin-state.ts";

const AGAIN_MS = 20;
/** Looks kept, of all gateways. */
const LOOKS_KEPT = 400;

interface Look {
  readonly gateway: number;
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly leading: boolean;
  readonly terms: number;
}

/**
 * Finds two leaders at once. Gateways cannot be asked at the same moment: one that leads at two looks, in the same term,
 * has led all the time between, in which no other may be seen to lead.
 */
export class LeaderWatch {
  readonly violations: string[] = [];
  readonly #stopping = new AbortController();
  readonly #loops: readonly Promise<void>[];
  readonly #looks: Look[] = [];

  /** @param state of the gateway of that number; rejects while it cannot be asked */
  constructor(gateways: number, state: (gateway: number) => Promise<AdminState>) {
    this.#loops = Array.from({ length: gateways }, (_, gateway) => this.#follow(gateway, state));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  async #follow(gateway: number, state: (gateway: number) => Promise<AdminState>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const askedMs = performance.now();
      try {
        const { leading, totals } = (await state(gateway)).pools[0].control;
        this.#judge({ gateway, askedMs, answeredMs: performance.now(), leading, terms: totals.terms });
      } catch {
        // It is gone, or cut off: what it does now is not known.
      }
      await sleep(AGAIN_MS);
    }
  }

  #judge(now: Look): void {
    const before = this.#looks.findLast(({ gateway }) => gateway === now.gateway);
    if (before?.leading === true && now.leading && before.terms === now.terms) {
      const other = this.#looks.find(
        ({ gateway, askedMs, answeredMs, leading }) =>
          leading && gateway !== now.gateway && askedMs >= before.answeredMs && answeredMs <= now.askedMs,
      );
      if (other !== undefined)
        this.violations.push(`gateways ${now.gateway} and ${other.gateway} lead at once`);
    }
    this.#looks.push(now);
    if (this.#looks.length > LOOKS_KEPT) this.#looks.shift();
  }
}
