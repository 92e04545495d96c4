import { Worker } from "node:worker_threads";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { SlowRank } from "../../model/simulation.ts";
import { gpuCount } from "../../model/topology.ts";
import type { Answers, FromPool, Question, ThreadData, ToPool } from "./protocol.ts";
import { RankStopped } from "./rank-stopped.ts";
import { entryFile } from "../../files/package-files.ts";

/** Receives a request's tokens as they are made. */
export interface TokenListener {
  /** @param routed with the request's last token: some of them with their experts; null before */
  token(routed: RoutingTrace | null): void;
  /** The pool is gone; no more tokens come. */
  lost(cause: Error): void;
}

interface Waiting {
  resolve(value: never): void;
  reject(cause: Error): void;
}

interface Submitted {
  readonly rank: number;
  readonly listener: TokenListener;
}

/** The gateway's end of a simulated pool's thread. */
export class PoolThread {
  readonly #worker: Worker;
  readonly #ready: Promise<number>;
  readonly #requests = new Map<number, Submitted>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #stopped = new Set<number>();
  /** Ranks that end what they have, and are gone then. */
  readonly #leaving = new Set<number>();
  /** `[ranks]`: 1 for one that takes part in every forward pass. */
  readonly #slowness: Int32Array;
  /** `[ranks]`: how often each has started again. */
  readonly #restarts: Int32Array;
  #serial = 0;
  #gone: Error | null = null;
  #onProgress: (part: number) => void = () => {};

  constructor(data: ThreadData) {
    this.#restarts = new Int32Array(gpuCount(data.topology));
    this.#slowness = new Int32Array(gpuCount(data.topology)).fill(1);
    this.#worker = new Worker(entryFile("engines/simulated/pool-worker"), { workerData: data });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#ready = promise;
    // Callers that await it receive a failure; there may be none.
    promise.catch(() => {});
    this.#worker.on("message", (message: FromPool) => {
      if (message.kind === "ready") resolve(message.maxRequestTokens);
      else this.#receive(message);
    });
    const end = (cause: Error) => {
      reject(cause);
      this.#end(cause);
    };
    this.#worker.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => end(new Error("the simulated pool has stopped")));
  }

  /**
   * Resolves with the most tokens a request may have in all, once the pool has its first snapshot.
   * Rejects when the pool is gone.
   */
  ready(): Promise<number> {
    return this.#gone === null ? this.#ready : Promise.reject(this.#gone);
  }

  /** @param rank one that is there. @returns the way to cancel the request */
  submit(
    rank: number,
    inputTokens: number,
    outputTokens: number,
    tenant: string | null,
    listener: TokenListener,
  ): () => void {
    const id = ++this.#serial;
    this.#requests.set(id, { rank, listener });
    this.#post({ kind: "submit", id, rank, inputTokens, outputTokens, tenant });
    return () => {
      if (!this.#requests.delete(id)) return;
      this.#post({ kind: "cancel", id });
      this.#leave(rank);
    };
  }

  switchTo(snapshot: Extract<ToPool, { kind: "switchTo" }>["snapshot"]): void {
    this.#post({ kind: "switchTo", snapshot });
  }

  /** Ranks that have stopped, ascending. */
  get lost(): readonly number[] {
    return [...this.#stopped].sort((a, b) => a - b);
  }

  /** The ranks that are there, and how often each has started again. */
  get signs(): readonly { readonly rank: number; readonly incarnation: number }[] {
    return Array.from(this.#restarts, (incarnation, rank) => ({ rank, incarnation })).filter(
      ({ rank }) => !this.#stopped.has(rank),
    );
  }

  isLost(rank: number): boolean {
    return this.#stopped.has(rank);
  }

  /** Whether its server takes no connections. */
  refuses(rank: number): boolean {
    return this.#stopped.has(rank) || this.#leaving.has(rank);
  }

  /** Those that are, ascending. */
  get slow(): readonly SlowRank[] {
    return Array.from(this.#slowness, (factor, rank) => ({ rank, factor })).filter(
      ({ factor }) => factor > 1,
    );
  }

  /** A rank takes part in one forward pass of `factor` from now on. @returns whether that is news */
  slowDown(rank: number, factor: number): boolean {
    if (this.#slowness[rank] === factor) return false;
    this.#slowness[rank] = factor;
    this.#post({ kind: "slow", rank, factor });
    return true;
  }

  /** A rank takes no more requests; when it has none, it is gone. @returns whether it was there */
  stop(rank: number): boolean {
    if (this.refuses(rank)) return false;
    this.#leaving.add(rank);
    this.#leave(rank);
    return true;
  }

  /** A rank dies: its requests fail. @returns whether it was there */
  lose(rank: number): boolean {
    if (this.#stopped.has(rank)) return false;
    this.#leaving.delete(rank);
    this.#stopped.add(rank);
    this.#post({ kind: "lose", rank });
    const cause = new RankStopped(rank);
    for (const [id, request] of this.#requests) {
      if (request.rank !== rank) continue;
      this.#requests.delete(id);
      request.listener.lost(cause);
    }
    return true;
  }

  /** It starts again, holding nothing; one that was about to be gone stays. @returns whether either was so */
  restore(rank: number): boolean {
    if (this.#leaving.delete(rank)) return true;
    if (!this.#stopped.delete(rank)) return false;
    this.#restarts[rank]++;
    this.#post({ kind: "restore", rank });
    return true;
  }

  shift(): void {
    this.#post({ kind: "shift" });
  }

  /**
   * Rejects when the pool is gone before it has answered.
   * @param onProgress receives the part done, 0..1, of a comparison
   */
  ask<K extends Question["kind"]>(
    question: Extract<Question, { kind: K }>,
    onProgress: (part: number) => void = () => {},
  ): Promise<Answers[K]> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    const ticket = ++this.#serial;
    if (question.kind === "compare") this.#onProgress = onProgress;
    return new Promise<Answers[K]>((resolve, reject) => {
      this.#waiting.set(ticket, { resolve, reject });
      this.#post({ kind: "ask", ticket, question });
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  /** A rank that is to stop has one request less. */
  #leave(rank: number): void {
    if (!this.#leaving.has(rank)) return;
    for (const request of this.#requests.values()) if (request.rank === rank) return;
    this.lose(rank);
  }

  #post(message: ToPool): void {
    this.#worker.postMessage(message);
  }

  #receive(message: Exclude<FromPool, { kind: "ready" }>): void {
    switch (message.kind) {
      case "step": {
        const finished = new Map(message.finished.map((id, i) => [id, message.routed[i]]));
        for (const id of message.made) {
          const request = this.#requests.get(id);
          if (request === undefined) continue;
          const routed = finished.get(id) ?? null;
          if (routed !== null) this.#requests.delete(id);
          request.listener.token(routed);
          if (routed !== null) this.#leave(request.rank);
        }
        break;
      }
      case "answer":
        this.#waiting.get(message.ticket)?.resolve(message.value as never);
        this.#waiting.delete(message.ticket);
        break;
      case "progress":
        this.#onProgress(message.part);
        break;
    }
  }

  #end(cause: Error): void {
    this.#gone ??= cause;
    for (const { listener } of this.#requests.values()) listener.lost(cause);
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#requests.clear();
    this.#waiting.clear();
  }
}
