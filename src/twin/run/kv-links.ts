/** The links by which caches travel from the ranks of prompts to those that decode: one cache at a time on each. */
export class KvLinks {
  readonly #freeMs = new Map<string, number>();
  readonly #bytesPerSecond: number;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Books a cache's way. @returns when it has arrived */
  send(nowMs: number, from: number, to: number, bytes: number): number {
    const [sender, receiver] = [`from ${from}`, `to ${to}`];
    const free = Math.max(this.#freeMs.get(sender) ?? 0, this.#freeMs.get(receiver) ?? 0);
    const there = Math.max(nowMs, free) + (bytes / this.#bytesPerSecond) * 1000;
    this.#freeMs.set(sender, there);
    this.#freeMs.set(receiver, there);
    return there;
  }
}
