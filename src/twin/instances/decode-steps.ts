import { type RequestTokens, answerRows } from "./request-tokens.ts";

/**
 * The answers of an instance's requests as continuous batching forwards them: of each active request one token a step;
 * where a request ends, the next one takes its place.
 * @param queue the instance's requests, in the order in which they arrive
 * @param batch requests active at most
 * @param step is given the tokens' numbers, in an array that the next step uses again; only steps that are as full as
 *   any: those at the end, when no request is left to take a place, are of no batch that a server would have
 */
export function decodeSteps(
  requests: RequestTokens,
  queue: readonly number[],
  batch: number,
  step: (rows: Int32Array) => void,
): void {
  const answers = queue.map((request) => answerRows(requests, request)).filter(({ length }) => length > 0);
  const size = Math.min(batch, answers.length);
  if (size === 0) return;
  const open = answers.slice(0, size);
  const at = new Int32Array(size);
  const rows = new Int32Array(size);
  for (let started = size; ; ) {
    for (let i = 0; i < size; i++) {
      if (at[i] === open[i].length) {
        if (started === answers.length) return;
        open[i] = answers[started++];
        at[i] = 0;
      }
      rows[i] = open[i][at[i]++];
    }
    step(rows);
  }
}
