import { Worker } from "node:worker_threads";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Answers, FromPool, Question, ThreadData, ToPool } from "./protocol.ts";

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

/** The gateway's end of a simulated pool's thread. */
export class PoolThread {
  readonly #worker: Worker;
  readonly #ready: Promise<number>;
  readonly #listeners = new Map<number, TokenListener>();
  readonly #waiting = new Map<number, Waiting>();
  #serial = 0;
  #lost: Error | null = null;
  #onProgress: (part: number) => void = () => {};

  constructor(data: ThreadData) {
    this.#worker = new Worker(new URL("./pool-worker.ts", import.meta.url), { workerData: data });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#ready = promise;
    // Callers that await it receive a failure; there may be none.
    promise.catch(() => {});
    this.#worker.on("message", (message: FromPool) => {
      if (message.kind === "ready") resolve(message.maxRequestTokens);
      else this.#receive(message);
    });
    const lose = (cause: Error) => {
      reject(cause);
      this.#lose(cause);
    };
    this.#worker.on("error", (error) => lose(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => lose(new Error("the simulated pool has stopped")));
  }

  /**
   * Resolves with the most tokens a request may have in all, once the pool has its first snapshot.
   * Rejects when the pool is gone.
   */
  ready(): Promise<number> {
    return this.#lost === null ? this.#ready : Promise.reject(this.#lost);
  }

  /** @returns the way to cancel the request */
  submit(
    rank: number,
    inputTokens: number,
    outputTokens: number,
    tenant: string | null,
    listener: TokenListener,
  ): () => void {
    const id = ++this.#serial;
    this.#listeners.set(id, listener);
    this.#post({ kind: "submit", id, rank, inputTokens, outputTokens, tenant });
    return () => {
      if (this.#listeners.delete(id)) this.#post({ kind: "cancel", id });
    };
  }

  switchTo(snapshot: Extract<ToPool, { kind: "switchTo" }>["snapshot"]): void {
    this.#post({ kind: "switchTo", snapshot });
  }

  /**
   * Rejects when the pool is gone before it has answered.
   * @param onProgress receives the part done, 0..1, of a comparison
   */
  ask<K extends Question["kind"]>(
    question: Extract<Question, { kind: K }>,
    onProgress: (part: number) => void = () => {},
  ): Promise<Answers[K]> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
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
          const listener = this.#listeners.get(id);
          if (listener === undefined) continue;
          const routed = finished.get(id) ?? null;
          if (routed !== null) this.#listeners.delete(id);
          listener.token(routed);
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

  #lose(cause: Error): void {
    this.#lost ??= cause;
    for (const listener of this.#listeners.values()) listener.lost(cause);
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#listeners.clear();
    this.#waiting.clear();
  }
}
