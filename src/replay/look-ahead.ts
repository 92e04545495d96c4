import type { TraceRequest } from "../model/traffic.ts";

/** Read before anything is sent: what is wrong with a small trace shows then, and how long it is. */
const AHEAD = 10_000;

export interface LookedAhead {
  readonly requests: AsyncIterable<TraceRequest>;
  /** When the last arrives; null for a trace that has more. */
  readonly lastMs: number | null;
}

/**
 * Reads the beginning of a trace; the rest as it is needed.
 * @throws what the beginning does
 */
export async function lookAhead(trace: AsyncIterable<TraceRequest>): Promise<LookedAhead> {
  const rest = trace[Symbol.asyncIterator]();
  const first: TraceRequest[] = [];
  while (first.length < AHEAD) {
    const next = await rest.next();
    if (next.done === true) return { requests: each(first), lastMs: first.at(-1)?.arrivalMs ?? null };
    first.push(next.value);
  }
  return { requests: eachAndRest(first, rest), lastMs: null };
}

async function* each(first: readonly TraceRequest[]): AsyncGenerator<TraceRequest, void> {
  yield* first;
}

async function* eachAndRest(
  first: TraceRequest[],
  rest: AsyncIterator<TraceRequest, unknown>,
): AsyncGenerator<TraceRequest, void> {
  yield* first;
  first.length = 0;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
