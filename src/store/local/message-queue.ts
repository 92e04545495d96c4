import { MESSAGES_KEPT } from "../../control/store.ts";

interface Hearing {
  readonly inForce: () => boolean;
  readonly listener: (messages: readonly Uint8Array[]) => Promise<void>;
  busy: boolean;
}

/** Messages that wait for a pool's leader. */
export class MessageQueue {
  readonly #hearings = new Set<Hearing>();
  #messages: Uint8Array[] = [];

  push(message: Uint8Array): void {
    this.#messages.push(message);
    if (this.#messages.length > MESSAGES_KEPT) this.#messages.shift();
    for (const hearing of this.#hearings) void this.#deliver(hearing);
  }

  /** @param inForce whether who listens leads still; once it does not, it hears nothing more */
  hear(inForce: Hearing["inForce"], listener: Hearing["listener"]): () => void {
    const hearing: Hearing = { inForce, listener, busy: false };
    this.#hearings.add(hearing);
    void this.#deliver(hearing);
    return () => this.#hearings.delete(hearing);
  }

  async #deliver(hearing: Hearing): Promise<void> {
    if (hearing.busy) return;
    hearing.busy = true;
    // Not within the call that left the message, or that began to listen.
    await Promise.resolve();
    while (this.#messages.length > 0 && this.#listens(hearing)) {
      const heard = this.#messages.slice();
      try {
        await hearing.listener(heard);
      } catch {
        // What it could not take waits for the next leader.
        this.#hearings.delete(hearing);
      }
      if (this.#listens(hearing)) {
        const done = new Set(heard);
        this.#messages = this.#messages.filter((message) => !done.has(message));
      }
    }
    hearing.busy = false;
  }

  #listens(hearing: Hearing): boolean {
    if (!hearing.inForce()) this.#hearings.delete(hearing);
    return this.#hearings.has(hearing);
  }
}
