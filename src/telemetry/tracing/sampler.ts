import type { TraceParent } from "../../serving/tracing/traceparent.ts";
import type { Sampling } from "../../config/otel-environment.ts";

/** Digits of a trace's id that decide about it: the last ones are random (W3C Trace Context, level 2). */
const DIGITS = 13;
const VALUES = 16 ** DIGITS;

/** Decides which requests are traced. */
export class Sampler {
  readonly #ratio: number;
  readonly #byParent: boolean;

  constructor({ ratio, byParent }: Sampling) {
    this.#ratio = ratio;
    this.#byParent = byParent;
  }

  /** @param parent the client's span; null where it has none */
  takes(parent: TraceParent | null): boolean {
    if (parent === null) return Math.random() < this.#ratio;
    if (this.#byParent) return parent.sampled;
    // Everyone with this ratio takes the same traces.
    return Number.parseInt(parent.traceId.slice(-DIGITS), 16) >= (1 - this.#ratio) * VALUES;
  }
}
