import fc from "fast-check";
import type { TraceRequest } from "../src/model/traffic.ts";

export const drawnBounds = fc.record({
  warmUp: fc.oneof(
    fc.record({ requests: fc.nat(9), ms: fc.constant(0) }),
    fc.record({ requests: fc.constant(0), ms: fc.nat(500) }),
  ),
  requests: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 20 })),
  durationMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 900 })),
});

export const drawnTurns = fc.array(
  fc.record({ session: fc.option(fc.nat(3)), thinkMs: fc.constantFrom(0, 0, 50) }),
  {
    maxLength: 40,
  },
);

/** Turns of few conversations, among requests of none. */
export function conversations(drawn: readonly { session: number | null; thinkMs: number }[]): TraceRequest[] {
  const last = new Map<number, number>();
  return drawn.map(({ session, thinkMs }) => {
    const request = { arrivalMs: 0, inputTokens: 1, outputTokens: 1 };
    if (session === null) return request;
    const turn = (last.get(session) ?? 0) + 1;
    last.set(session, turn);
    return { ...request, session: `s${session}`, turn, thinkMs };
  });
}

export async function* toAsync<T>(items: readonly T[]): AsyncGenerator<T, void> {
  yield* items;
}
