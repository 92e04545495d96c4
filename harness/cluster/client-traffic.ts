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

/** An error as OpenAI's API writes it, whole or as an event. */
const ERROR = /^(?:data: )?\{"error":\{.*"message":"[^"].*\}\}$/;

/** Clients that ask one request after the other of gateways in turn, streamed and whole. */
export class ClientTraffic {
  inFlight = 0;
  /** By the number of their gateway: requests that had a whole answer; */
  readonly doneBy: number[] = [];
  /** that had none; */
  readonly lost: number[] = [];
  /** and of these, without an error that says so. */
  readonly unclear: number[] = [];
  readonly #stopping = new AbortController();
  readonly #load: ClientLoad;
  readonly #clients: Promise<void>[];

  /** @param url of the gateway of that number; null while it takes no requests */
  constructor(load: ClientLoad, gateways: number, model: string, url: (gateway: number) => string | null) {
    this.#load = load;
    for (const counts of [this.doneBy, this.lost, this.unclear])
      for (let gateway = 0; gateway < gateways; gateway++) counts.push(0);
    this.#clients = Array.from({ length: load.clients }, async (_, client) => {
      for (let turn = client; !this.#stopping.signal.aborted; turn++) {
        const base = url(turn % gateways);
        if (base !== null) await this.#ask(base, turn % gateways, model, turn % 2 === 0);
        await sleep(load.pauseMs);
      }
    });
  }

  get done(): number {
    return this.doneBy.reduce((sum, done) => sum + done, 0);
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
      const whole = response.ok && (stream ? text.includes("[DONE]") : text.includes('"choices"'));
      if (whole) this.doneBy[gateway]++;
      else this.#lose(gateway, text);
    } catch {
      this.#lose(gateway, "");
    }
    this.inFlight--;
  }

  /** @param text of the answer, as far as it came: its last line, or event, may be an error */
  #lose(gateway: number, text: string): void {
    this.lost[gateway]++;
    const last = text.trimEnd().split("\n").at(-1) ?? "";
    if (!ERROR.test(last)) this.unclear[gateway]++;
  }
}
