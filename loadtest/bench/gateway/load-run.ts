import { setTimeout } from "node:timers/promises";
import { Distribution } from "../../../src/replay/measures/distribution.ts";
import type { LoadFigures, LoadOrder } from "./load.ts";
import { type DueRequest, type Load, LoadConnection } from "./load-connection.ts";
import { Newcomers } from "./newcomers.ts";
import { cpuSeconds, residentBytes } from "./process-usage.ts";
import { requestBodies } from "./request-bodies.ts";

/** For what is in flight when the window is over. */
const DRAIN_MS = 10_000;
/** For the first answers of all connections, beyond the warm-up: busy servers accept few at a time. */
const SERVED_MS = 10_000;
const POLL_MS = 5;
const RECONNECT_MS = 10;
/** How often requests that are due are sent. */
const PACE_MS = 1;

/**
 * A load: what its connections share, and what they count. In closed loop each connection's next request follows its
 * last answer, so that a slow router is asked less; at a rate, requests are offered whatever became of those before.
 */
export class LoadRun implements Load {
  readonly #order: LoadOrder;
  readonly #requests: readonly Buffer[];
  #nextRequest = 0;
  readonly #open = new Set<LoadConnection>();
  /** Whether what happens now counts. */
  #measuring = false;
  /** Whether requests are still being sent. */
  #sending = true;
  #served = 0;
  /** At a rate: when requests were due that no connection has taken, and connections without one. */
  readonly #due: number[] = [];
  readonly #free: LoadConnection[] = [];
  #completed = 0;
  #frames = 0;
  #failed = 0;
  #failure: string | null = null;
  readonly #ttft = new Distribution();
  readonly #itl = new Distribution();

  constructor(order: LoadOrder) {
    this.#order = order;
    this.#requests = requestBodies(order.bodyBytes, order.streamed).map(wireRequest);
  }

  /** @param onOver called at the end of the window; what is in flight then is still waited for */
  async run(onOver: () => void): Promise<LoadFigures> {
    const { concurrency, warmUpMs, windowMs, pids, perSecond, newcomers } = this.#order;
    const pacing = perSecond === null ? null : this.#offer(perSecond);
    // At a rate they are opened as they are needed.
    const atOnce = perSecond === null ? concurrency : 0;
    const connecting = Array.from({ length: atOnce }, async (_, i) => {
      await setTimeout((i * warmUpMs) / atOnce);
      this.#connect(i);
    });
    await Promise.all([...connecting, setTimeout(warmUpMs)]);
    await this.#allServed(atOnce);

    const cpuBefore = cpuSeconds(pids);
    const from = performance.now();
    const fromUs = monotonicUs();
    this.#measuring = true;
    const crowd = newcomers === 0 ? null : new Newcomers(this.#order, this.#requests);
    await Promise.all([setTimeout(windowMs), crowd?.served]);
    this.#measuring = false;
    const toUs = monotonicUs();
    const seconds = (performance.now() - from) / 1000;
    const cpu = cpuSeconds(pids) - cpuBefore;
    const resident = residentBytes(pids);

    this.#sending = false;
    clearInterval(pacing ?? undefined);
    onOver();
    await this.#drained();
    return {
      fromUs,
      toUs,
      seconds,
      requests: this.#completed,
      frames: this.#frames,
      ttft: this.#ttft.summary(),
      itl: this.#itl.summary(),
      lastNewcomerMs: crowd?.lastMs ?? null,
      cpuSeconds: cpu,
      residentBytes: resident,
      failed: this.#failed,
      failure: this.#failure,
    };
  }

  next(connection: LoadConnection): DueRequest | "later" | null {
    if (!this.#sending) return null;
    let dueMs: number | null = null;
    if (this.#order.perSecond !== null) {
      dueMs = this.#due.shift() ?? null;
      if (dueMs === null) {
        this.#free.push(connection);
        return "later";
      }
    }
    return { bytes: this.#requests[this.#nextRequest++ % this.#requests.length], dueMs };
  }

  served(): void {
    this.#served++;
  }

  firstByte(afterMs: number): void {
    if (this.#measuring) this.#ttft.record(afterMs);
  }

  /** @param afterMs since the one before; null for a stream's first */
  frame(afterMs: number | null): void {
    if (!this.#measuring) return;
    this.#frames++;
    if (afterMs !== null) this.#itl.record(afterMs);
  }

  completed(): void {
    if (this.#measuring) this.#completed++;
  }

  fail(what: string): void {
    this.#failed++;
    this.#failure ??= what;
  }

  /** From now on so many requests are due each second. */
  #offer(perSecond: number): NodeJS.Timeout {
    const from = performance.now();
    let offered = 0;
    return setInterval(() => {
      const now = performance.now();
      for (; offered < ((now - from) * perSecond) / 1000; offered++) {
        this.#due.push(from + (1000 * offered) / perSecond);
        const free = this.#free.pop();
        if (free !== undefined) free.proceed();
        else if (this.#open.size < this.#order.concurrency) this.#connect(offered);
      }
    }, PACE_MS);
  }

  #connect(i: number): void {
    if (!this.#sending) return;
    const { servers } = this.#order;
    const connection = new LoadConnection(servers[i % servers.length], this, () => {
      this.#open.delete(connection);
      const at = this.#free.indexOf(connection);
      if (at >= 0) this.#free.splice(at, 1);
      // A server may close a connection; its client opens another.
      if (this.#sending && this.#order.perSecond === null)
        void setTimeout(RECONNECT_MS).then(() => this.#connect(i));
    });
    this.#open.add(connection);
  }

  async #allServed(connections: number): Promise<void> {
    const until = performance.now() + SERVED_MS;
    while (this.#served < connections && performance.now() < until) await setTimeout(POLL_MS);
  }

  async #drained(): Promise<void> {
    const until = performance.now() + DRAIN_MS;
    for (const connection of this.#open) connection.closeWhenIdle();
    while (this.#open.size > 0) {
      await setTimeout(POLL_MS);
      if (performance.now() < until) continue;
      for (const connection of this.#open) connection.abandon();
    }
  }
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function wireRequest(body: string): Buffer {
  return Buffer.from(
    "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nuser-agent: plimsoll-bench\r\naccept: */*\r\n" +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
