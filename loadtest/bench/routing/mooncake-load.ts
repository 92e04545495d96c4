import { Rng } from "../../../src/lib/rng.ts";
import { type TimedRequest, drawWords, timedRequest } from "./workload.ts";

/** Tokens of a trace's blocks; words that each gets here, and prompts with them. */
const TRACE_BLOCK_TOKENS = 512;
const BLOCK_WORDS = 128;
/** Requests come in ticks of so many milliseconds: they are spread over them. */
const TICK_MS = 3000;

export interface TraceLoad {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Answers are cut off there. */
  readonly mostAnswerTokens: number;
}

interface Row {
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: readonly number[];
}

/**
 * A Mooncake trace's first requests (FAST '25: timestamp, lengths, blocks by hash): each block is a text of its own, a
 * quarter as long, and the time between requests is the trace's, scaled to the rate.
 */
export function traceRequests(
  text: string,
  load: TraceLoad,
  blockTokens: number,
  seed: number,
): TimedRequest[] {
  const rows = text
    .split("\n", load.requests)
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
  const rng = new Rng(seed, 23);
  const times = rows.map(({ timestamp }) => timestamp + rng.uniform() * TICK_MS).toSorted((a, b) => a - b);
  const scale = (1000 * rows.length) / load.requestsPerSecond / ((times.at(-1) ?? 1) - times[0] || 1);
  const blocks = new Map<number, string>();
  const blockText = (id: number): string => {
    const known = blocks.get(id) ?? drawWords(new Rng(seed, 24, id), BLOCK_WORDS);
    blocks.set(id, known);
    return known;
  };
  return rows.map(({ input_length, output_length, hash_ids }, i) => {
    const length = Math.ceil((input_length * BLOCK_WORDS) / TRACE_BLOCK_TOKENS);
    const words = hash_ids.map(blockText).join(" ").split(" ").slice(0, length);
    const messages = [{ role: "user", content: words.join(" ") } as const];
    const answer = Math.max(1, Math.min(output_length, load.mostAnswerTokens));
    return timedRequest(i, (times[i] - times[0]) * scale, messages, answer, blockTokens);
  });
}
