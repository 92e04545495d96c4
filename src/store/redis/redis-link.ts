import { LeaseLost, StaleEpoch, StoreUnreachable } from "../../control/store.ts";
import type { RedisAddress } from "../../model/store-address.ts";
import { type RedisClient, redisClient } from "./connect.ts";
import type { ScriptName } from "./scripts.ts";

export type Argument = string | number | Uint8Array;

type Custom = Readonly<Record<string, (...args: (string | number | Buffer)[]) => Promise<unknown>>>;

/** One way to Redis. Whatever it answers that is no result says that it cannot be reached. */
export class RedisLink {
  readonly #client: RedisClient;
  readonly #onReachable: (reachable: boolean) => void;

  /**
   * @param blockMs how long commands may block
   * @param onReachable hears after every answer that it could be reached, or that it could not
   */
  constructor(address: RedisAddress, blockMs: number, onReachable: (reachable: boolean) => void = () => {}) {
    this.#client = redisClient(address, blockMs);
    this.#onReachable = onReachable;
    // Without a listener it would print them; the commands that fail tell.
    this.#client.on("error", () => {});
    this.#client.on("ready", () => onReachable(true));
    this.#client.on("close", () => onReachable(false));
  }

  /** Begins to connect, and does so until it is closed. Rejects when the first try fails. */
  async connect(): Promise<void> {
    await this.#ask(() => this.#client.connect());
  }

  /** An atomic operation; bytes in what it returns are Buffers. */
  run(script: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const client = this.#client as unknown as Custom;
    return this.#ask(() => client[`${script}Buffer`](...keys, ...args.map(asBuffer)));
  }

  /** A command that Redis has by itself. */
  call(command: string, args: readonly Argument[]): Promise<unknown> {
    return this.#ask(() => this.#client.callBuffer(command, args.map(asBuffer)));
  }

  close(): void {
    this.#client.disconnect();
  }

  async #ask(send: () => Promise<unknown>): Promise<unknown> {
    try {
      const answer = await send();
      this.#onReachable(true);
      return answer;
    } catch (cause) {
      const { message } = cause as Error;
      if (message.includes("LEASELOST")) throw new LeaseLost("the lease is not in force any more");
      if (message.includes("STALEEPOCH")) throw new StaleEpoch("the store has this epoch or a later one");
      this.#onReachable(false);
      throw new StoreUnreachable(`Redis does not answer: ${message}`, { cause });
    }
  }
}

function asBuffer(argument: Argument): string | number | Buffer {
  if (!(argument instanceof Uint8Array)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}
