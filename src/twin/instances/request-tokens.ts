import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";

/** The tokens of a trace by request, however they lie in it. Requests are numbered from 0 by ascending id. */
export interface RequestTokens {
  readonly count: number;
  /** `[count]`, ascending. */
  readonly ids: Float64Array;
  /** `[tokens]`: the tokens' numbers, those of one request together, in the trace's order. */
  readonly rows: Int32Array;
  /** `[count + 1]`: where each request's begin in `rows`. */
  readonly starts: Int32Array;
  /** `[count]`: requests in the order of their first tokens. */
  readonly arrivals: Int32Array;
}

/** @param request `[tokens]`: each token's request, any numbers */
export function requestTokens(request: ReadonlyNumbers): RequestTokens {
  const tokens = request.length;
  const ids = Float64Array.from(new Set(request as ArrayLike<number> & Iterable<number>)).sort();
  const numbers = new Map(Array.from(ids, (id, number) => [id, number]));
  const count = ids.length;
  const starts = new Int32Array(count + 1);
  const arrivals = new Int32Array(count);
  const numberOf = new Int32Array(tokens);
  let arrived = 0;
  for (let token = 0; token < tokens; token++) {
    const number = numbers.get(request[token]) as number;
    numberOf[token] = number;
    if (starts[number + 1]++ === 0) arrivals[arrived++] = number;
  }
  for (let number = 0; number < count; number++) starts[number + 1] += starts[number];
  const next = starts.slice(0, count);
  const rows = new Int32Array(tokens);
  for (let token = 0; token < tokens; token++) rows[next[numberOf[token]]++] = token;
  return { count, ids, rows, starts, arrivals };
}

/** How many tokens a request has, prompt and answer. */
export function tokensOf({ starts }: RequestTokens, request: number): number {
  return starts[request + 1] - starts[request];
}

/** The first half of a request's tokens stands for its prompt; of an odd number the answer has one more. */
export function promptRows({ rows, starts }: RequestTokens, request: number): Int32Array {
  return rows.subarray(starts[request], middle(starts, request));
}

/** The other half: rows of the trace. */
export function answerRows({ rows, starts }: RequestTokens, request: number): Int32Array {
  return rows.subarray(middle(starts, request), starts[request + 1]);
}

function middle(starts: Int32Array, request: number): number {
  return Math.floor((starts[request] + starts[request + 1]) / 2);
}
