/** The actions are closed: what comes later is not taken. */
class ActionsClosed extends Error {
  override readonly name = "ActionsClosed";

  constructor() {
    super("the action was not taken: its time is over");
  }
}

/** Takes actions one at a time, in the order they were asked for, until it is closed. */
export class SerialActions {
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * Resolves with what the action gives, and rejects as it does; the next is taken either way.
   * Rejects with ActionsClosed when its turn comes after the close.
   */
  act<T>(action: () => Promise<T>): Promise<T> {
    const taken = this.#last.then(() => {
      if (this.#closed) throw new ActionsClosed();
      return action();
    });
    this.#last = this.#settled(taken);
    return taken;
  }

  /** As `act`; rejects also when `signal` was aborted before its turn, or is when it is over. */
  async step<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const given = await this.act(async () => {
      signal.throwIfAborted();
      return action();
    });
    signal.throwIfAborted();
    return given;
  }

  async #settled(taken: Promise<unknown>): Promise<void> {
    try {
      await taken;
    } catch {
      // Who asked for it has the rejection.
    }
  }

  /** Resolves once the action under way is over. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}
