import type { Load, ScheduledRequest } from "../load.ts";

/** How much of a load there is, and from when on it counts. */
export interface Bounds {
  /** What comes first, is sent and read, and does not count: so many requests, and so long. */
  readonly warmUp: { readonly requests: number; readonly ms: number };
  /** Of what counts: so many requests at most, none of which starts so long or longer after it began to count. */
  readonly requests: number;
  readonly durationMs: number;
}

export const UNBOUNDED: Bounds = {
  warmUp: { requests: 0, ms: 0 },
  requests: Number.POSITIVE_INFINITY,
  durationMs: Number.POSITIVE_INFINITY,
};

/** When a load of these bounds counts. */
export function countedTime({ warmUp, durationMs }: Bounds): Pick<Load, "countsFromMs" | "countsToMs"> {
  if (warmUp.requests > 0) return { countsFromMs: null, countsToMs: null };
  return {
    countsFromMs: warmUp.ms,
    countsToMs: Number.isFinite(durationMs) ? warmUp.ms + durationMs : null,
  };
}

/** Says of each request in turn whether it belongs to the load, and whether it counts. */
export class BoundsCheck {
  readonly #bounds: Bounds;
  #warm = 0;
  #counted = 0;
  #countsFromMs = Number.NaN;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Everything has been given; nothing more need be looked at. */
  get full(): boolean {
    return this.#counted >= this.#bounds.requests;
  }

  /** @param startMs not below the last call's. @returns null where the load is over */
  take(startMs: number): "warm-up" | "counts" | null {
    const { warmUp, durationMs } = this.#bounds;
    if (this.#counted === 0 && (this.#warm < warmUp.requests || startMs < warmUp.ms)) {
      this.#warm++;
      return "warm-up";
    }
    if (Number.isNaN(this.#countsFromMs)) this.#countsFromMs = warmUp.requests > 0 ? startMs : warmUp.ms;
    if (this.full || startMs >= this.#countsFromMs + durationMs) return null;
    this.#counted++;
    return "counts";
  }
}

/** What is within the bounds, in its order. */
export async function* bounded(
  scheduled: AsyncIterable<ScheduledRequest>,
  bounds: Bounds,
): AsyncGenerator<ScheduledRequest, void> {
  const check = new BoundsCheck(bounds);
  if (check.full) return;
  for await (const request of scheduled) {
    const part = check.take(request.startMs);
    if (part === null) return;
    yield part === "counts" ? request : { ...request, warmUp: true };
    if (check.full) return;
  }
}
