/** Takes actions one at a time, in the order they were asked for, until it is closed. */
export class SerialActions {
  readonly #onFailure: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param onFailure hears of every action that failed; the others go on */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Resolves when the action is over, also when it failed; one that comes after the close is not taken. */
  act(action: () => Promise<void>): Promise<void> {
    this.#last = this.#after(this.#last, action);
    return this.#last;
  }

  async #after(last: Promise<void>, action: () => Promise<void>): Promise<void> {
    await last;
    if (this.#closed) return;
    try {
      await action();
    } catch (error) {
      this.#onFailure(error);
    }
  }

  /**
   * Resolves with what the action gives.
   * Rejects when it fails, which `onFailure` hears too, when `signal` was aborted before its turn, and after the close.
   */
  async step<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const given: { value: T }[] = [];
    await this.act(async () => {
      if (!signal.aborted) given.push({ value: await action() });
    });
    signal.throwIfAborted();
    if (given.length === 0) throw new Error("the action was not taken");
    return given[0].value;
  }

  /** Resolves once the action under way is over. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}
