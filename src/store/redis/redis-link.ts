import { setTimeout } from "node:timers/promises";
import { LeaseLost, StaleEpoch, StoreUnreachable } from "../../control/store.ts";
import type { RedisAddress } from "../../model/store-address.ts";
import { ANSWER_WITHIN_MS, type RedisClient, redisClient } from "./connect.ts";
import type { ScriptName } from "./scripts.ts";

export type Argument = string | number | Uint8Array;

interface ClientFault extends Error {
  readonly code?: string;
  readonly lastNodeError?: Error;
}

type Custom = Readonly<Record<string, (...args: (string | number | Buffer)[]) => Promise<unknown>>>;

/** One way to Redis. Whatever it answers that is no result says that it cannot be reached. */
export class RedisLink {
  readonly #client: RedisClient;
  readonly #onReachable: (reachable: boolean) => void;
  /** Why there is no connection; null while there is one. */
  #fault: Error | null = null;

  /**
   * @param blockMs how long commands may block
   * @param onReachable hears after every answer that it could be reached, or that it could not
   */
  constructor(address: RedisAddress, blockMs: number, onReachable: (reachable: boolean) => void = () => {}) {
    this.#client = redisClient(address, blockMs);
    this.#onReachable = onReachable;
    this.#client.on("error", (fault: Error) => {
      this.#fault = fault;
    });
    this.#client.on("ready", () => {
      this.#fault = null;
      onReachable(true);
    });
    this.#client.on("close", () => onReachable(false));
  }

  /** Begins to connect, which goes on until it is closed. Resolves when the first try is over, or takes too long. */
  async connect(): Promise<void> {
    const tooLong = setTimeout(ANSWER_WITHIN_MS, undefined, { ref: false });
    const connected = this.#ask(() => this.#client.connect()).catch(() => {});
    await Promise.race([connected, tooLong]);
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
      throw new StoreUnreachable(`Redis does not answer: ${reason(this.#fault ?? (cause as Error))}`, {
        cause,
      });
    }
  }
}

/** Of a cluster that cannot be reached, what its last node said; of a name with several addresses, the code they share. */
function reason(fault: ClientFault): string {
  const { message, code }: ClientFault = fault.lastNodeError ?? fault;
  return message === "" ? (code ?? fault.name) : message;
}

function asBuffer(argument: Argument): string | number | Buffer {
  if (!(argument instanceof Uint8Array)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}
