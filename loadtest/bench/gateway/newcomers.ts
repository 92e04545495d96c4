import { setTimeout } from "node:timers/promises";
import { type DueRequest, LoadConnection } from "./load-connection.ts";
import type { LoadOrder } from "./load.ts";

/** Longer than any of them should wait. */
const GIVEN_UP_MS = 30_000;

/** Connections that are opened at once, each for one request. */
export class Newcomers {
  /** Resolves when each has its first byte, or is given up. */
  readonly served: Promise<void>;
  /** Until the last had it; null while one has not. */
  lastMs: number | null = null;

  constructor({ newcomers, servers }: LoadOrder, requests: readonly Buffer[]) {
    const from = performance.now();
    const all = Promise.withResolvers<void>();
    let waiting = newcomers;
    const connections = Array.from({ length: newcomers }, (_, i) => {
      let asked = false;
      const next = (): DueRequest | null => {
        if (asked) return null;
        asked = true;
        return { bytes: requests[i % requests.length], dueMs: from };
      };
      const firstByte = (): void => {
        waiting--;
        if (waiting > 0) return;
        this.lastMs = performance.now() - from;
        all.resolve();
      };
      const load = { next, firstByte, served() {}, frame() {}, completed() {}, fail() {} };
      return new LoadConnection(servers[i % servers.length], load, () => {});
    });
    this.served = Promise.race([all.promise, setTimeout(GIVEN_UP_MS, undefined, { ref: false })]).finally(
      () => {
        for (const connection of connections) connection.closeWhenIdle();
      },
    );
  }
}
