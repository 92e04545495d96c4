import { Worker } from "node:worker_threads";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { gpuCount } from "../../model/topology.ts";
import type { Answers, FromPool, Question, ThreadData, ToPool } from "./protocol.ts";
import { RankStopped } from "./rank-stopped.ts";

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
  /** `[ranks]`: how often each has started again. */
  readonly #restarts: Int32Array;
  #serial = 0;
  #gone: Error | null = null;
  #onProgress: (part: number) => void = () => {};

  constructor(data: ThreadData) {
    this.#restarts = new Int32Array(gpuCount(data.topology));
    this.#worker = new Worker(new URL("./pool-worker.ts", import.meta.url), { workerData: data });
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
      if (this.#requests.delete(id)) this.#post({ kind: "cancel", id });
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

  /** A rank dies: its requests fail. @returns whether it was there */
  lose(rank: number): boolean {
    if (this.#stopped.has(rank)) return false;
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

  /** It starts again, holding nothing. @returns whether it had stopped */
  restore(rank: number): boolean {
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
