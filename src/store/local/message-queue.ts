import { MESSAGES_KEPT } from "../../control/store.ts";

interface Receiver {
  readonly inForce: () => boolean;
  readonly listener: (messages: readonly Uint8Array[]) => Promise<void>;
  busy: boolean;
}

/** Messages that wait for a pool's leader. */
export class MessageQueue {
  readonly #receivers = new Set<Receiver>();
  #messages: Uint8Array[] = [];

  push(message: Uint8Array): void {
    this.#messages.push(message);
    if (this.#messages.length > MESSAGES_KEPT) this.#messages.shift();
    for (const receiver of this.#receivers) void this.#deliver(receiver);
  }

  /** @param inForce whether who listens leads still; once it does not, it hears nothing more */
  receive(inForce: Receiver["inForce"], listener: Receiver["listener"]): () => void {
    const receiver: Receiver = { inForce, listener, busy: false };
    this.#receivers.add(receiver);
    void this.#deliver(receiver);
    return () => this.#receivers.delete(receiver);
  }

  async #deliver(receiver: Receiver): Promise<void> {
    if (receiver.busy) return;
    receiver.busy = true;
    // Not within the call that left the message, or that began to listen.
    await Promise.resolve();
    while (this.#messages.length > 0 && this.#listens(receiver)) {
      const heard = this.#messages.slice();
      try {
        await receiver.listener(heard);
      } catch {
        // What it could not take waits for the next leader.
        this.#receivers.delete(receiver);
      }
      if (this.#listens(receiver)) {
        const done = new Set(heard);
        this.#messages = this.#messages.filter((message) => !done.has(message));
      }
    }
    receiver.busy = false;
  }

  #listens(receiver: Receiver): boolean {
    if (!receiver.inForce()) this.#receivers.delete(receiver);
    return this.#receivers.has(receiver);
  }
}
