import { gamma, weibull } from "../../lib/deviates.ts";
import { Rng } from "../../lib/rng.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import type { ClientLengths, ClientWindow, Lengths, ServegenClient } from "./client.ts";

/** Seconds of a client's last window, which no other ends. */
const LAST_WINDOW = 600;
/** Random streams of a client's window: its gaps, and its lengths. */
const GAPS = 0;
const LENGTHS = 1;

interface ClientRequest {
  /** Seconds. */
  readonly at: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * Traffic as ServeGen makes it (generate_workload in servegen/construct.py), with a seed: in each window of a client so
 * many gaps are drawn as its rate says, and stretched to fill the window; a request's lengths stand at the same part of
 * both distributions. Each client is a tenant. It begins with the first request.
 * @returns in order of arrival, made as it is asked for
 */
export function* servegenTraffic(
  clients: readonly ServegenClient[],
  seed: number,
): Generator<TraceRequest, void> {
  const queues = clients.map((client) => {
    const requests = clientRequests(client, seed);
    return { tenant: `client-${client.id}`, requests, next: requests.next().value };
  });
  let begin: number | null = null;
  for (;;) {
    let first: (typeof queues)[number] | null = null;
    for (const queue of queues) {
      if (queue.next !== undefined && (first?.next === undefined || queue.next.at < first.next.at))
        first = queue;
    }
    if (first?.next === undefined) return;
    const { at, inputTokens, outputTokens } = first.next;
    begin ??= at;
    yield { arrivalMs: (at - begin) * 1000, inputTokens, outputTokens, tenant: first.tenant };
    first.next = first.requests.next().value;
  }
}

function* clientRequests(
  { id, windows, lengths }: ServegenClient,
  seed: number,
): Generator<ClientRequest, undefined> {
  let known = -1;
  for (const [i, window] of windows.entries()) {
    while (known + 1 < lengths.length && lengths[known + 1].from <= window.from) known++;
    const seconds = (windows[i + 1]?.from ?? window.from + LAST_WINDOW) - window.from;
    if (window.rate > 0 && known >= 0) yield* windowRequests(window, seconds, lengths[known], [seed, id, i]);
  }
}

/** Gaps are drawn twice, the first time for their sum, so that none has to be kept. */
function* windowRequests(
  { from, rate, gaps, shape }: ClientWindow,
  seconds: number,
  { input, output }: ClientLengths,
  seed: readonly number[],
): Generator<ClientRequest, undefined> {
  const draw = gaps === "Gamma" ? gamma : weibull;
  const count = Math.ceil(rate * seconds);
  const ahead = new Rng(...seed, GAPS);
  let sum = 0;
  for (let n = 0; n < count; n++) sum += draw(ahead, shape);
  if (!(sum > 0)) return;
  const rng = new Rng(...seed, GAPS);
  const parts = new Rng(...seed, LENGTHS);
  let passed = 0;
  for (let n = 0; n < count; n++) {
    passed += draw(rng, shape);
    // The last gap ends with the window, whose end belongs to the next.
    if (passed >= sum) return;
    const part = parts.uniform();
    yield {
      at: from + (seconds * passed) / sum,
      inputTokens: lengthAt(input, part),
      outputTokens: lengthAt(output, part),
    };
  }
}

/** The least length that this part of all requests does not exceed. */
function lengthAt({ tokens, parts }: Lengths, part: number): number {
  let [low, high] = [0, parts.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (parts[middle] >= part) high = middle;
    else low = middle + 1;
  }
  return tokens[low];
}
