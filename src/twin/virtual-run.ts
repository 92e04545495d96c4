import { H800, type Hardware } from "../core/cost/hardware.ts";
import { BALANCE_POLICIES, type BalancePolicy } from "../core/planning/balance-policy.ts";
import { Balancer } from "../core/planning/balancer.ts";
import { policyTopology } from "../core/planning/policy-topology.ts";
import type { Plan } from "../core/planning/plan.ts";
import { transferMs } from "../core/migration/transfer-time.ts";
import { Rng } from "../lib/rng.ts";
import { Sample, type SampleSummary } from "../lib/sample.ts";
import type { Cadence } from "../model/cadence.ts";
import type { Fidelity } from "../model/fidelity.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RankAssignment } from "../model/rank-assignment.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { ComposedAssigner } from "./composed-assigner.ts";
import type { ReplicaMap } from "../model/replica-map.ts";
import { type Arrival, LeastInFlightAssigner, type RankAssigner } from "./rank-assigner.ts";
import type { RoutingSource } from "./routing-source.ts";
import { RUNNING_PER_RANK, SimulatedPool } from "./simulated-pool.ts";
import type { StepRecorder } from "./step-recorder.ts";
import { WindowTotals, ratio } from "./window-totals.ts";

export interface VirtualRunOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly routing: RoutingSource;
  /** In order of arrival; may be endless. */
  readonly traffic: Iterable<TraceRequest>;
  /** No request arrives later than this; those that have are finished. */
  readonly durationMs: number;
  readonly cadence: Cadence;
  readonly assignment: RankAssignment | RankAssigner;
  readonly seed: number;
  readonly recorder: StepRecorder;
  /** Exact unless said otherwise. */
  readonly fidelity?: Fidelity;
  /** How the pool is balanced; Plimsoll's way unless said otherwise. */
  readonly policy?: BalancePolicy;
  readonly hardware?: Hardware;
  /** Latencies are of requests that arrive from then on, balancedness and hops of windows that begin then: 0 unless said. */
  readonly measuredFromMs?: number;
  /** Ends at `durationMs`, whatever is in flight; else once all is answered. */
  readonly cuts?: boolean;
}

/** A run in virtual time; latencies in virtual milliseconds. */
export interface VirtualRunResult {
  readonly virtualMs: number;
  readonly requests: number;
  /** Requests longer than a rank's cache: refused, as an engine would. */
  readonly refused: number;
  readonly inputTokens: number;
  /** Of these, prompt tokens that were in the cache of the rank that got the request. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly steps: number;
  /** Σ mean / Σ max GPU load over steps and layers; like the hops per token and layer, null when nothing was forwarded. */
  readonly balancedness: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly ttftMs: SampleSummary | null;
  readonly itlMs: SampleSummary | null;
  readonly tpotMs: SampleSummary | null;
  readonly e2eMs: SampleSummary | null;
  readonly epochs: number;
  readonly movedSlots: number;
  /** Prompt and output tokens forwarded a second, from `measuredFromMs` to `durationMs`; null where there were none. */
  readonly tokensPerSecond: number | null;
}

interface InFlight {
  readonly arrival: Arrival;
  readonly rank: number;
  firstMs: number;
  lastMs: number;
}

function assignerOf(
  { model, routing, seed, assignment }: VirtualRunOptions,
  { room }: SimulatedPool,
  map: ReplicaMap,
): RankAssigner {
  if (assignment === "least-in-flight") return new LeastInFlightAssigner(new Rng(seed, 4));
  if (assignment !== "composed") return assignment;
  const limits = { kvCapacityTokens: room.capacityTokens, runningPerRank: RUNNING_PER_RANK };
  return new ComposedAssigner({ model, routing, ...limits }, map);
}

/**
 * The demo's pool without the clock: the same twin, routing and planning, driven by the trace's own time. One
 * event a step: what has arrived by then is given to the ranks first. Yields the
 * part of `durationMs` that has passed, 0..1.
 */
export function* virtualRun(options: VirtualRunOptions): Generator<number, VirtualRunResult> {
  const { model, topology, routing, durationMs, cadence, seed, recorder, fidelity = "exact" } = options;
  const { policy = BALANCE_POLICIES.plimsoll, hardware = H800, measuredFromMs = 0, cuts = false } = options;
  const slots = policyTopology(model, topology, policy);
  const balancer = new Balancer(model, slots, policy, cadence, 0);
  const pool = new SimulatedPool(
    { model, routing, dispatch: policy.dispatch, seed, fidelity, hardware },
    balancer.current,
  );
  const ranks = gpuCount(topology);
  const loads = { requests: new Int32Array(ranks), tokens: new Float64Array(ranks) };
  const assigner = assignerOf(options, pool, balancer.current);
  const total = new WindowTotals();
  let waiting: readonly Arrival[] = [];
  const flights = new Map<number, InFlight>();
  const [ttft, itl, tpot, e2e] = [new Sample(), new Sample(), new Sample(), new Sample()];
  const arrivals = options.traffic[Symbol.iterator]();
  let next = arrivals.next();
  let nowMs = 0;
  let windowFrom = 0;
  let rollout: { readonly plan: Plan; readonly readyMs: number; readonly movedSlots: number } | null = null;
  let [requests, refused, inputTokens, outputTokens, steps, movedSlots] = [0, 0, 0, 0, 0, 0];
  let [epochs, measuredTokens] = [1, 0];
  // From the begin of a step to the end of one: full steps are long.
  let [measuredSince, measuredUntil] = [Number.POSITIVE_INFINITY, durationMs];

  const adopt = (plan: Plan, moved: number) => {
    balancer.accept(plan);
    pool.adopt(plan);
    assigner.adopt(plan);
    movedSlots += moved;
    epochs++;
  };
  const arrive = (request: TraceRequest) => {
    requests++;
    const tokens = request.inputTokens + request.outputTokens;
    if (tokens > pool.maxRequestTokens) {
      refused++;
      return;
    }
    const cacheTokens = pool.room.tokensOf(tokens);
    waiting = [...waiting, { id: requests, ...request, cacheTokens, routing: routing.admit(tokens) }];
    inputTokens += request.inputTokens;
    outputTokens += request.outputTokens;
  };
  const start = () => {
    const rankOf = assigner.assign(waiting, loads);
    for (const [i, arrival] of waiting.entries()) {
      const rank = rankOf[i];
      if (rank < 0) continue;
      pool.submit({ ...arrival, rank });
      flights.set(arrival.id, { arrival, rank, firstMs: Number.NaN, lastMs: Number.NaN });
    }
    waiting = waiting.filter((_, i) => rankOf[i] < 0);
  };
  const token = (flight: InFlight) => {
    if (Number.isNaN(flight.firstMs)) {
      flight.firstMs = nowMs;
      if (flight.arrival.arrivalMs >= measuredFromMs) ttft.add(nowMs - flight.arrival.arrivalMs);
    } else if (flight.arrival.arrivalMs >= measuredFromMs) itl.add(nowMs - flight.lastMs);
    flight.lastMs = nowMs;
  };
  const finish = (id: number, { arrival, rank, firstMs }: InFlight) => {
    const measured = arrival.arrivalMs >= measuredFromMs;
    if (measured) e2e.add(nowMs - arrival.arrivalMs);
    if (measured && arrival.outputTokens > 1) tpot.add((nowMs - firstMs) / (arrival.outputTokens - 1));
    loads.requests[rank]--;
    loads.tokens[rank] -= arrival.cacheTokens;
    assigner.finished(arrival);
    flights.delete(id);
  };
  const balance = () => {
    if (rollout !== null && nowMs >= rollout.readyMs) {
      adopt(rollout.plan, rollout.movedSlots);
      rollout = null;
    }
    if (nowMs - windowFrom < cadence.sharesMs) return;
    const window = pool.takeWindow(nowMs - windowFrom);
    if (windowFrom >= measuredFromMs) total.add(window);
    windowFrom = nowMs;
    if (window.tokens > 0) balancer.observe(window.load, window.spanMs, window.routing);
    if (rollout !== null) return;
    const decision = balancer.decide(nowMs);
    if (decision?.kind === "shares") adopt(decision.plan, 0);
    if (decision?.kind === "placement") {
      const travelMs = transferMs(model, decision.moves, hardware);
      rollout = { plan: decision.plan, readyMs: nowMs + travelMs, movedSlots: decision.moves.slots };
    }
  };

  const untilMs = cuts ? durationMs : Number.POSITIVE_INFINITY;
  while (nowMs < untilMs) {
    while (next.done !== true && next.value.arrivalMs <= Math.min(nowMs, durationMs)) {
      arrive(next.value);
      next = arrivals.next();
    }
    start();
    const step = pool.step();
    if (step === null) {
      if (next.done === true || next.value.arrivalMs > durationMs) break;
      nowMs = next.value.arrivalMs;
      continue;
    }
    recorder.record(nowMs, pool.batch);
    steps++;
    if (nowMs >= measuredFromMs && nowMs < durationMs) {
      measuredTokens += step.tokens;
      measuredSince = Math.min(measuredSince, nowMs);
      measuredUntil = nowMs + step.ms;
    }
    nowMs += step.ms;
    for (const id of step.made) {
      const flight = flights.get(id);
      if (flight !== undefined) token(flight);
    }
    for (const id of step.finished) {
      const flight = flights.get(id);
      if (flight !== undefined) finish(id, flight);
    }
    balance();
    yield Math.min(1, nowMs / durationMs);
  }
  total.add(pool.takeWindow(nowMs - windowFrom));
  return {
    virtualMs: nowMs,
    requests,
    refused,
    inputTokens,
    cachedTokens: pool.cachedTokens,
    outputTokens,
    steps,
    balancedness: total.balancedness,
    nodeHopsPerToken: total.nodeHopsPerToken,
    hopsPerToken: total.hopsPerToken,
    ttftMs: ttft.summary(),
    itlMs: itl.summary(),
    tpotMs: tpot.summary(),
    e2eMs: e2e.summary(),
    epochs,
    movedSlots,
    tokensPerSecond: ratio(measuredTokens * 1000, measuredUntil - measuredSince),
  };
}
