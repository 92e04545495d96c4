import { afterAll, beforeAll, expect } from "vitest";
import { type RunningGateway, startGateway } from "../harness/fakes/start-gateway.ts";
import { WireClient } from "../harness/fakes/wire-client.ts";
import { type WireEngine, type WireScript, wireEngine } from "../harness/fakes/wire-engine.ts";
import { patiently } from "./patiently.ts";

export interface FuzzedPairOptions {
  /** All of the gateway's configuration but its pools. */
  readonly settings: string;
  /** @returns the `pools:` of the configuration */
  readonly pool: (prefill: string, decode: string) => string;
  /** What each engine answers; absent for its usual answer. */
  readonly prefill?: WireScript | undefined;
  readonly decode?: WireScript | undefined;
  /** Requests that are under way at once, each on a connection of its own. */
  readonly together: number;
}

/** A gateway in front of two engines that say what a test makes up, for all tests of one `describe`. */
export class FuzzedPair {
  prefill!: WireEngine;
  decode!: WireEngine;
  gateway!: RunningGateway;
  clients!: readonly WireClient[];
  readonly #uncaught: unknown[] = [];
  readonly #hear = (error: unknown): void => void this.#uncaught.push(error);

  constructor({ settings, pool, prefill, decode, together }: FuzzedPairOptions) {
    beforeAll(async () => {
      this.prefill = await wireEngine(prefill);
      this.decode = await wireEngine(decode);
      this.gateway = await startGateway(`${settings}\n${pool(this.prefill.url, this.decode.url)}`);
      const { url } = this.gateway;
      this.clients = Array.from({ length: together }, () => new WireClient(url));
      process.on("uncaughtException", this.#hear);
      process.on("unhandledRejection", this.#hear);
    });
    afterAll(async () => {
      process.off("uncaughtException", this.#hear);
      process.off("unhandledRejection", this.#hear);
      for (const client of this.clients) client.close();
      await this.gateway.stop();
      await this.prefill[Symbol.asyncDispose]();
      await this.decode[Symbol.asyncDispose]();
    });
  }

  /** Nothing threw, and both engines could read what they were sent. */
  expectSound(): void {
    const { gateway, prefill, decode } = this;
    expect([this.#uncaught, gateway.faults, prefill.faults, decode.faults]).toEqual([[], [], [], []]);
  }

  /** No request is left, nor anything that one took. */
  async expectIdle(): Promise<void> {
    const { deck, pools } = this.gateway.app.gateway();
    await expect.poll(() => deck.admission.inFlight, patiently).toBe(0);
    const states = pools.flatMap((pool) => [
      pool.states,
      ...(pool.prefill === null ? [] : [pool.prefill.states]),
    ]);
    for (const { requests, tokens } of states)
      expect([...requests, ...tokens].every((n) => n === 0)).toBe(true);
  }
}

/** The `pools:` of one pool whose prefill and decode are apart. */
export function pairOf(kind: "sglang" | "vllm") {
  return (prefill: string, decode: string): string =>
    `pools: [{ name: chat, kind: ${kind}, models: [small], prefill: { urls: [${prefill}] }, decode: { urls: [${decode}] } }]`;
}
