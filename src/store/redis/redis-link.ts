import { setTimeout } from "node:timers/promises";
import { LeaseLost, StaleEpoch, StoreUnreachable } from "../../control/store.ts";
import type { RedisAddress } from "../../model/store-address.ts";
import { ANSWER_WITHIN_MS, type RedisClient, redisClient } from "./connect.ts";
import { asideKey, keyType } from "./pool-keys.ts";
import { type ScriptName, WRITERS } from "./scripts.ts";
import type { StoreFaults } from "./store-faults.ts";

export type Argument = string | number | Uint8Array;

/** What all links of one store share. */
export interface RedisAccess {
  readonly address: RedisAddress;
  readonly faults: StoreFaults;
  /** Receives one line for a person. */
  readonly onNotice: (line: string) => void;
}

interface ClientFault extends Error {
  readonly code?: string;
  readonly lastNodeError?: Error;
}

type Custom = Readonly<Record<string, (...args: (string | number | Buffer)[]) => Promise<unknown>>>;

/** One way to Redis. Whatever it answers that is no result is a StoreUnreachable which says why. */
export class RedisLink {
  readonly #access: RedisAccess;
  readonly #client: RedisClient;
  readonly #main: boolean;
  /** Why there is no connection; null while there is one. */
  #fault: Error | null = null;
  #closed = false;
  #everReady = false;

  /**
   * @param blockMs how long commands may block
   * @param main whether its connection stands for the store's: of the others, only what they are answered counts
   */
  constructor(access: RedisAccess, blockMs: number, main: boolean) {
    this.#access = access;
    this.#main = main;
    this.#client = redisClient(access.address, blockMs);
    this.#client.on("error", (fault: Error) => {
      this.#fault = fault;
      this.#disconnected(fault);
    });
    this.#client.on("ready", () => {
      this.#fault = null;
      this.#everReady = true;
      if (main) access.faults.connected();
    });
    this.#client.on("close", () => {
      if (!this.#closed) this.#disconnected(null);
    });
  }

  /** Begins to connect, which goes on until it is closed. Resolves when the first try is over, or takes too long. */
  async connect(): Promise<void> {
    const tooLong = setTimeout(ANSWER_WITHIN_MS, undefined, { ref: false });
    const connected = this.#ask("connect", false, [], () => this.#client.connect()).catch(() => {});
    await Promise.race([connected, tooLong]);
  }

  /** An atomic operation; bytes in what it returns are Buffers. */
  run(script: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const client = this.#client as unknown as Custom;
    const send = () => client[`${script}Buffer`](...keys, ...args.map(asBuffer));
    return this.#ask(script, WRITERS.has(script), keys, send);
  }

  /** A command that Redis has by itself. @param keys that it reads */
  call(command: string, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#ask(command, false, keys, () => this.#client.callBuffer(command, args.map(asBuffer)));
  }

  close(): void {
    this.#closed = true;
    this.#client.disconnect();
  }

  async #ask(
    command: string,
    writes: boolean,
    keys: readonly string[],
    send: () => Promise<unknown>,
    again = true,
  ): Promise<unknown> {
    const { faults } = this.#access;
    try {
      const answer = await send();
      if (this.#main) faults.connected();
      faults.done(command, writes);
      return answer;
    } catch (cause) {
      const { name, message } = cause as Error;
      if (message.includes("LEASELOST")) throw new LeaseLost("the lease is not in force any more");
      if (message.includes("STALEEPOCH")) throw new StaleEpoch("the store has this epoch or a later one");
      if (message.includes("WRONGTYPE") && again && (await this.#putAside(keys)))
        return this.#ask(command, writes, keys, send, false);
      const refused = name === "ReplyError" && this.#fault === null;
      const why = refused ? faults.refused(command, message) : this.#disconnected(null, cause as Error);
      throw new StoreUnreachable(`Redis ${why}`, { cause });
    }
  }

  /** What lies at a key and is none of ours is kept under another name. @returns whether there was any */
  async #putAside(keys: readonly string[]): Promise<boolean> {
    const { putAsideBuffer } = this.#client as unknown as Custom;
    let any = false;
    for (const key of keys) {
      const aside = asideKey(key);
      const found = await putAsideBuffer.call(this.#client, key, aside, keyType(key)).catch(() => null);
      if (!(found instanceof Uint8Array)) continue;
      any = true;
      const what = `a ${new TextDecoder().decode(found)}, where a ${keyType(key)} belongs`;
      this.#access.onNotice(`the key ${key} held ${what}: it is now named ${aside}`);
    }
    return any;
  }

  /** @param certain what is known to keep it from a connection; null where one ended */
  #disconnected(certain: ClientFault | null, cause: Error | null = null): string {
    const why = reason(this.#fault ?? cause) + this.#tlsHint();
    if (!this.#main) return `does not answer: ${why}`;
    return this.#access.faults.disconnected(why, certain && (certain.code ?? why));
  }

  /** Who speaks TLS and who does not close on each other, or wait, and say nothing. */
  #tlsHint(): string {
    const { code } = (this.#fault ?? {}) as ClientFault;
    if (this.#everReady || !(this.#fault === null || code === "ETIMEDOUT" || code === "ECONNRESET"))
      return "";
    return this.#access.address.tls ? " (with TLS, as rediss:// asks)" : " (without TLS, as redis:// asks)";
  }
}

/** Of a cluster that cannot be reached, what its last node said; of a name with several addresses, the code they share. */
function reason(fault: ClientFault | null): string {
  const { message, code, name }: ClientFault = fault?.lastNodeError ?? fault ?? NOTHING;
  if (message === "" || message.includes("enableOfflineQueue"))
    return code ?? (message === "" ? name : NOTHING.message);
  return message;
}

const NOTHING: ClientFault = new Error("there is no connection");

function asBuffer(argument: Argument): string | number | Buffer {
  if (!(argument instanceof Uint8Array)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}
