import { Rng } from "../../lib/rng.ts";
import { LocalityRouter } from "../../routing/locality/locality-router.ts";
import { InstanceLoad } from "./instance-load.ts";
import type { RequestSignatures } from "./request-signatures.ts";
import { type RequestTokens, tokensOf } from "./request-tokens.ts";

/** What requests are sent to. */
export interface Instances {
  readonly count: number;
  /** Part of its share that an instance may have more at the end. */
  readonly band: number;
}

/** Where requests were sent by the experts that they use. */
export interface LocalityAssignment {
  /** `[requests]` */
  readonly instanceOf: Int32Array;
  /** Requests of which something was known when they were sent, and tokens that this was learned from, mean of these. */
  readonly known: { readonly requests: number; readonly tokensPerRequest: number };
}

/** What a router has learned from before the first request: prompts of the recording, or nothing. */
export const LEARNINGS = ["warm", "cold"] as const;
export type Learning = (typeof LEARNINGS)[number];

/** By the experts that requests use, as they arrive. */
export function assignByExperts(
  requests: RequestTokens,
  signatures: RequestSignatures,
  { count, band }: Instances,
  learning: Learning,
): LocalityAssignment {
  const router = routerFor(requests, signatures, count, learning);
  const known = { requests: 0, tokens: 0 };
  const instanceOf = assign(requests, count, band, (request, tokens, load) => {
    const signature = signatures.of(request);
    if (signature !== null) {
      known.requests++;
      known.tokens += signature.tokens;
    }
    const instance = router.choose(signature, tokens, load.tokens, load.slack);
    const seen = signatures.seen(request);
    if (seen !== null) router.observe(seen, tokens, instance);
    signatures.learn(request);
    return instance;
  });
  const tokensPerRequest = known.requests === 0 ? 0 : known.tokens / known.requests;
  return { instanceOf, known: { requests: known.requests, tokensPerRequest } };
}

/**
 * One that is warm has seen the prompts of all requests, and no answer: it is in the state of a gateway that has routed
 * such traffic for long. It still has to send each request as it arrives, before those that follow.
 */
function routerFor(
  requests: RequestTokens,
  signatures: RequestSignatures,
  instances: number,
  learning: Learning,
): LocalityRouter {
  const options = { instances, width: signatures.width, batch: signatures.tellingBatch };
  if (learning === "cold") return new LocalityRouter(options);
  const router = new LocalityRouter({ ...options, window: requests.count });
  router.prepare(promptsOf(requests, signatures));
  return router;
}

function* promptsOf(requests: RequestTokens, signatures: RequestSignatures) {
  for (const request of requests.arrivals) {
    const signature = signatures.seen(request);
    if (signature !== null) yield { signature, tokens: tokensOf(requests, request) };
  }
}

/** Each to the instance with least load. @returns `[requests]`: instances */
export function assignByLoad(requests: RequestTokens, count: number): Int32Array {
  return assign(requests, count, 0, (_, __, load) => load.least);
}

/** One after the other. @returns `[requests]`: instances */
export function assignInTurn(requests: RequestTokens, count: number): Int32Array {
  let next = 0;
  return assign(requests, count, 0, () => next++ % count);
}

/** @returns `[requests]`: instances */
export function assignAtRandom(requests: RequestTokens, count: number, seed: number): Int32Array {
  const rng = new Rng(seed, 1);
  return assign(requests, count, 0, () => rng.below(count));
}

/**
 * By what requests have in common: to the instance of the last one of its key while that is within the band, else to
 * the least loaded.
 * @param keys `[requests]`
 */
export function assignByKey(
  requests: RequestTokens,
  { count, band }: Instances,
  keys: ArrayLike<number | string>,
): Int32Array {
  const homes = new Map<number | string, number>();
  return assign(requests, count, band, (request, tokens, load) => {
    const home = homes.get(keys[request]);
    const mean = load.tokens.reduce((sum, own) => sum + own, tokens) / count;
    const fits = home !== undefined && load.tokens[home] + tokens <= mean + load.slack;
    const instance = fits ? home : load.least;
    homes.set(keys[request], instance);
    return instance;
  });
}

function assign(
  requests: RequestTokens,
  count: number,
  band: number,
  choose: (request: number, tokens: number, load: InstanceLoad) => number,
): Int32Array {
  const load = new InstanceLoad(count, requests.rows.length, band);
  const instanceOf = new Int32Array(requests.count);
  for (const request of requests.arrivals) {
    const tokens = tokensOf(requests, request);
    const instance = choose(request, tokens, load);
    instanceOf[request] = instance;
    load.add(instance, tokens);
  }
  return instanceOf;
}
