import { Rng } from "../../lib/rng.ts";
import type { LengthSpread } from "../../model/length-spread.ts";
import { MOST_REQUEST_TOKENS, type TraceRequest } from "../../model/traffic.ts";

/** Random streams beside the others of a replay. */
const INPUT = 4;
const OUTPUT = 5;

/** Requests of these lengths, endless, all at once by their own clock; the same seed has the same. */
export async function* madeUpRequests(
  input: LengthSpread,
  output: LengthSpread,
  seed: number,
): AsyncGenerator<TraceRequest, void> {
  yield* drawnRequests(input, output, seed);
}

/** The same, without waiting. */
export function* drawnRequests(
  input: LengthSpread,
  output: LengthSpread,
  seed: number,
): Generator<TraceRequest, void> {
  const inputRng = new Rng(seed, INPUT);
  const outputRng = new Rng(seed, OUTPUT);
  for (;;) {
    yield {
      arrivalMs: 0,
      inputTokens: drawn(input, inputRng),
      outputTokens: drawn(output, outputRng),
    };
  }
}

function drawn({ tokens, spread }: LengthSpread, rng: Rng): number {
  const least = Math.max(1, Math.ceil(tokens * (1 - spread)));
  const most = Math.max(least, Math.floor(tokens * (1 + spread)));
  return Math.min(MOST_REQUEST_TOKENS, least + rng.below(most - least + 1));
}
