import { Rng } from "../../../src/lib/rng.ts";
import { LocalityRouter } from "../../../src/routing/locality/locality-router.ts";
import type { Instances } from "../../../src/twin/instances/assign-requests.ts";
import { InstanceLoad } from "../../../src/twin/instances/instance-load.ts";
import { judgeAssignment, type Judged } from "../../../src/twin/instances/judge-assignment.ts";
import { RequestSignatures } from "../../../src/twin/instances/request-signatures.ts";
import { answerRows, tokensOf } from "../../../src/twin/instances/request-tokens.ts";
import { type RequestStream, shuffle } from "./streams.ts";

/** Orders in which the stream is learned beforehand: clustering begins elsewhere in each. */
const ORDERS = 4;

/**
 * Who has seen every answer of the stream beforehand: learns clusters of all answers, in several orders, then routes
 * each request by its own answer, within the same band. Of what the orders come to the best is taken, by its result.
 * No bound that is proved: nobody here knows a better one.
 */
export function assignByAnswers(
  stream: RequestStream,
  judged: Judged,
  pool: Instances,
  seed: number,
): Int32Array {
  const { trace, experts, requests } = stream;
  const counted = new RequestSignatures({ trace, experts, requests, source: "prefill", kinds: null });
  const answers = Array.from({ length: requests.count }, (_, request) =>
    counted.counted(answerRows(requests, request)),
  );
  function* answersIn(order: Int32Array) {
    for (const request of order) {
      const signature = answers[request];
      if (signature !== null) yield { signature, tokens: tokensOf(requests, request) };
    }
  }
  const window = requests.count;
  let best: Int32Array | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let start = 0; start < ORDERS; start++) {
    const router = new LocalityRouter({
      instances: pool.count,
      width: counted.width,
      batch: counted.tellingBatch,
      window,
    });
    const order = requests.arrivals.slice();
    if (start > 0) shuffle(order, new Rng(seed, 7, start));
    router.prepare(answersIn(order));
    const instanceOf = new Int32Array(requests.count);
    const load = new InstanceLoad(pool.count, trace.tokens, pool.band);
    for (const request of requests.arrivals) {
      const tokens = tokensOf(requests, request);
      const instance = router.choose(answers[request], tokens, load.tokens, load.slack);
      instanceOf[request] = instance;
      load.add(instance, tokens);
    }
    const { distinctExperts } = judgeAssignment({ ...judged, timing: null }, instanceOf);
    if (distinctExperts >= least) continue;
    least = distinctExperts;
    best = instanceOf;
  }
  return best ?? new Int32Array(requests.count);
}
