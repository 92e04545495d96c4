import { MESSAGES_KEPT, type MessageListener, redeliveryPauseMs } from "../../control/store.ts";

interface Receiver {
  readonly inForce: () => boolean;
  readonly listener: MessageListener;
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

  /** @param inForce whether who listens leads still; once it does not, it receives nothing more */
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
    let failures = 0;
    while (this.#messages.length > 0 && this.#listens(receiver)) {
      const given = this.#messages.slice();
      const done = await receiver.listener(given).catch(() => 0);
      // What is done counts from who leads still, also where that has stopped listening meanwhile.
      if (!receiver.inForce()) break;
      const finished = new Set(given.slice(0, done));
      this.#messages = this.#messages.filter((message) => !finished.has(message));
      failures = done < given.length ? failures + 1 : 0;
      if (failures > 0) await pause(redeliveryPauseMs(failures));
    }
    receiver.busy = false;
  }

  #listens(receiver: Receiver): boolean {
    if (!receiver.inForce()) this.#receivers.delete(receiver);
    return this.#receivers.has(receiver);
  }
}

function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms).unref();
  return promise;
}
