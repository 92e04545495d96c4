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
  /** Of the terms since its start, or its reload; these begin at 1 again. */
  readonly terms: number;
  /** When that term began; null while its own word of it is on its way. */
  readonly sinceMs: number | null;
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
        const { leading, leader, totals } = (await state(gateway)).pools[0].control;
        const sinceMs = leader?.sinceMs ?? null;
        const answeredMs = performance.now();
        this.#judge({ gateway, askedMs, answeredMs, leading, terms: totals.terms, sinceMs });
      } catch {
        // It is gone, or cut off: what it does now is not known.
      }
      await sleep(AGAIN_MS);
    }
  }

  #judge(now: Look): void {
    const before = this.#looks.findLast(({ gateway }) => gateway === now.gateway);
    if (before?.leading === true && now.leading && sameTerm(before, now)) {
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

function sameTerm(before: Look, now: Look): boolean {
  return before.terms === now.terms && before.sinceMs === now.sinceMs && now.sinceMs !== null;
}
