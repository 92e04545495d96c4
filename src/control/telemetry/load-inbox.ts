import type { ControlLoop } from "../control-loop.ts";
import type { LoadReport } from "../load-report.ts";
import { encodeMessage } from "../pool-message.ts";

/** Loads that ranks have reported to this gateway, on their way to the pool's leader. */
export class LoadInbox {
  readonly #loop: Pick<ControlLoop, "store">;
  readonly #gateway: string;

  constructor(loop: Pick<ControlLoop, "store">, gateway: string) {
    this.#loop = loop;
    this.#gateway = gateway;
  }

  async take({ rank, windowMs, load }: LoadReport): Promise<void> {
    const message = {
      kind: "load",
      from: this.#gateway,
      heard: rank === null ? [] : [{ rank, windowMs }],
      spanMs: windowMs,
      tokens: Float32Array.from(load.tokens),
    } as const;
    await this.#loop.store.tell(encodeMessage(message), null);
  }
}
