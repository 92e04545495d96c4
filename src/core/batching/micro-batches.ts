import type { RequestKinds } from "./request-kinds.ts";
import type { Phase, RankState, WaitingRequests } from "./waiting-requests.ts";

/**
 * Splits what each rank was given into two micro-batches of equal work, counting what its own have already: up to the
 * largest request. In prefill the largest requests go first, each to the emptier one. In decode the requests are cut
 * in two along their likeness: the same side on every rank, so that alike requests of all ranks share a micro-batch and
 * either activates fewer experts.
 *
 * @param rankOf `[count]`, −1 = stays waiting
 * @returns `[count]`: 0 or 1; −1 = stays waiting
 */
export function microBatches(
  phase: Phase,
  requests: WaitingRequests,
  kinds: RequestKinds,
  ranks: RankState,
  rankOf: Int32Array,
): Int8Array {
  const { work, kind } = requests;
  const microBatchOf = new Int8Array(requests.count).fill(-1);
  const lists = Array.from(ranks.places, (): number[] => []);
  for (const [request, rank] of rankOf.entries()) if (rank >= 0) lists[rank].push(request);
  const likeness = (request: number) => kinds.likeness[kind[request]];
  const order =
    phase === "decode"
      ? (a: number, b: number) => likeness(a) - likeness(b)
      : (a: number, b: number) => work[b] - work[a];
  for (const [rank, list] of lists.entries()) {
    list.sort((a, b) => order(a, b) || a - b);
    const filled = Array.from(ranks.microWork.subarray(rank * 2, rank * 2 + 2));
    const total = filled[0] + filled[1] + list.reduce((sum, request) => sum + work[request], 0);
    for (const request of list) {
      // Where the cut falls within a request, every other rank has it on the other side.
      const left = total / 2 - filled[0] - work[request] / 2;
      const first =
        phase === "decode"
          ? left > 0 || (left === 0 && rank % 2 === 0)
          : filled[0] < filled[1] || (filled[0] === filled[1] && rank % 2 === 0);
      microBatchOf[request] = first ? 0 : 1;
      filled[first ? 0 : 1] += work[request];
    }
  }
  return microBatchOf;
}
