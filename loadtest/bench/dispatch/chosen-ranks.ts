import { compose } from "../../../src/core/batching/compose.ts";
import { requestKinds } from "../../../src/core/batching/request-kinds.ts";
import type { Phase, RankState } from "../../../src/core/batching/waiting-requests.ts";
import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import { gpuCount } from "../../../src/model/topology.ts";
import type { RoutedTokens } from "../routed-tokens.ts";
import { Tenants } from "./tenants.ts";

/** More requests than any rank gets. */
const PLACES = 1 << 30;

/**
 * Chooses the rank of every request when its first tokens are to be forwarded, together with the others that begin in
 * that batch; it keeps the rank to its end. All that is known of a request is its tenant, and of a tenant which experts
 * its tokens used in earlier batches.
 *
 * @param observed token numbers that came before the first batch
 * @param batches  token numbers of each, one batch after another
 * @returns the source of every token of every batch
 */
export function chosenSources(
  map: ReplicaMap,
  stream: RoutedTokens,
  phase: Phase,
  observed: Int32Array,
  batches: readonly Int32Array[],
): Int32Array[] {
  const { request } = stream;
  const tenants = new Tenants(stream, observed);
  const last = new Map<number, number>();
  for (const [i, rows] of batches.entries()) for (const row of rows) last.set(request[row], i);
  const ranks = new Map<number, number>();
  return batches.map((rows, i) => {
    place(map, tenants, phase, requestsOf(stream, rows), ranks);
    const sources = rows.map((row) => ranks.get(request[row]) ?? 0);
    tenants.observe(rows);
    for (const row of rows) if (last.get(request[row]) === i) ranks.delete(request[row]);
    return sources;
  });
}

interface BatchRequest {
  readonly id: number;
  readonly tenant: number;
  /** In the batch. */
  tokens: number;
}

/** The requests of a batch, in order of their first tokens. */
function requestsOf({ request, tenant }: RoutedTokens, rows: Int32Array): BatchRequest[] {
  const found = new Map<number, BatchRequest>();
  for (const row of rows) {
    const known = found.get(request[row]);
    if (known === undefined) found.set(request[row], { id: request[row], tenant: tenant[row], tokens: 1 });
    else known.tokens++;
  }
  return [...found.values()];
}

/** @param ranks of the requests that run, by their id; those that begin are added */
function place(
  map: ReplicaMap,
  tenants: Tenants,
  phase: Phase,
  requests: readonly BatchRequest[],
  ranks: Map<number, number>,
): void {
  const begin = requests.filter(({ id }) => !ranks.has(id));
  if (begin.length === 0) return;
  const work = ({ tokens }: BatchRequest) => (phase === "prefill" ? tokens : 1);
  const kinds = [...new Set(begin.map(({ tenant }) => tenant))];
  const state = idleRanks(gpuCount(map.placement.topology));
  for (const running of requests) {
    const rank = ranks.get(running.id);
    if (rank !== undefined) state.work[rank] += work(running);
  }
  const { rankOf } = compose(
    phase,
    {
      count: begin.length,
      work: Float64Array.from(begin, work),
      kvTokens: new Float64Array(begin.length),
      kind: Int32Array.from(begin, ({ tenant }) => kinds.indexOf(tenant)),
    },
    requestKinds(
      map,
      kinds.map((tenant) => tenants.predict(tenant)),
    ),
    state,
  );
  for (const [i, { id }] of begin.entries()) ranks.set(id, rankOf[i]);
}

/** Ranks with nothing in hand, and room for all that comes: cache plays no role here. */
function idleRanks(ranks: number): RankState {
  return {
    work: new Float64Array(ranks),
    microWork: new Float64Array(2 * ranks),
    kvTokens: new Float64Array(ranks),
    kvCapacityTokens: new Float64Array(ranks),
    places: new Int32Array(ranks).fill(PLACES),
  };
}
