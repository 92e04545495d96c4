import { setTimeout as sleep } from "node:timers/promises";

/** How much clients ask. */
export interface ClientLoad {
  readonly clients: number;
  /** Between a client's requests. */
  readonly pauseMs: number;
  /** Of a stream. */
  readonly frames: number;
  readonly framePauseMs: number;
}

/** Streams that last a while, at little work for the machine. */
export const BRISK: ClientLoad = { clients: 12, pauseMs: 20, frames: 16, framePauseMs: 10 };
/** As many requests in flight, at a quarter of the work. */
export const CALM: ClientLoad = { clients: 12, pauseMs: 100, frames: 8, framePauseMs: 100 };

/** Clients that ask one request after the other of gateways in turn, streamed and whole. */
export class ClientTraffic {
  inFlight = 0;
  done = 0;
  /** Requests that had no whole answer, by the number of their gateway. */
  readonly lost: number[] = [];
  readonly #stopping = new AbortController();
  readonly #load: ClientLoad;
  readonly #clients: Promise<void>[];

  /** @param url of the gateway of that number; null while it takes no requests */
  constructor(load: ClientLoad, gateways: number, model: string, url: (gateway: number) => string | null) {
    this.#load = load;
    for (let gateway = 0; gateway < gateways; gateway++) this.lost.push(0);
    this.#clients = Array.from({ length: load.clients }, async (_, client) => {
      for (let turn = client; !this.#stopping.signal.aborted; turn++) {
        const base = url(turn % gateways);
        if (base !== null) await this.#ask(base, turn % gateways, model, turn % 2 === 0);
        await sleep(load.pauseMs);
      }
    });
  }

  get lostInAll(): number {
    return this.lost.reduce((sum, lost) => sum + lost, 0);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#clients);
  }

  async #ask(base: string, gateway: number, model: string, stream: boolean): Promise<void> {
    this.inFlight++;
    try {
      const response = await fetch(`${base}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model,
          stream,
          messages: [{ role: "user", content: "hello" }],
          max_tokens: this.#load.frames,
          frame_pause_ms: this.#load.framePauseMs,
        }),
      });
      const text = await response.text();
      const whole = response.ok && (!stream || text.includes("[DONE]"));
      if (whole) this.done++;
      else this.lost[gateway]++;
    } catch {
      this.lost[gateway]++;
    }
    this.inFlight--;
  }
}
