import type {
  DecisionRecord,
  Decisions,
  GatewayCondition,
  History,
  PoolCondition,
  PoolGone,
  PoolReport,
  PoolSample,
  SimulationReport,
  TrafficReport,
} from "./wire.ts";

/** Samples kept per pool: 15 minutes at one a second. */
const SAMPLES_KEPT = 900;
const DECISIONS_KEPT = 200;
const SAME_CLOCK_MS = 3000;

/**
 * `silent`: connected, but nothing has come for a while. `lost`: not connected any more; being retried. `locked`: the
 * gateway wants a key. `barred`: it answers nobody from here.
 */
export type Connection = "connecting" | "live" | "silent" | "lost" | "locked" | "barred";

export interface PoolState {
  /** Oldest first. */
  readonly samples: readonly PoolSample[];
  /** Oldest first. */
  readonly decisions: readonly DecisionRecord[];
  /** Null before the gateway has said it. */
  readonly condition: PoolCondition | null;
  /** Its last; null before the first. */
  readonly last: PoolReport | null;
  /** When its last report came, by the page's clock; null before the first. */
  readonly reportedAtMs: number | null;
  /** Null where its servers are real. */
  readonly simulation: SimulationReport | null;
}

export interface State {
  readonly connection: Connection;
  /** When the last event came, by the page's clock; null before the first. */
  readonly receivedAtMs: number | null;
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly traffic: TrafficReport | null;
  /** How far the gateway's clock is ahead of the page's, whole seconds in ms; 0 where that is hardly anything. */
  readonly aheadMs: number;
  readonly gateway: GatewayCondition | null;
  /** The pool that the person chose; null = the first. */
  readonly chosen: string | null;
}

/** `atMs` is when it came, by the page's clock. */
export type Message =
  | { readonly type: "history"; readonly value: History; readonly atMs: number }
  | { readonly type: "report"; readonly value: PoolReport; readonly atMs: number }
  | { readonly type: "state"; readonly value: PoolCondition; readonly atMs: number }
  | { readonly type: "decisions"; readonly value: Decisions; readonly atMs: number }
  | { readonly type: "gateway"; readonly value: GatewayCondition; readonly atMs: number }
  | { readonly type: "gone"; readonly value: PoolGone; readonly atMs: number }
  | { readonly type: "simulation"; readonly value: SimulationReport; readonly atMs: number }
  | { readonly type: "traffic"; readonly value: TrafficReport; readonly atMs: number }
  | { readonly type: "connection"; readonly value: Connection }
  | { readonly type: "choose"; readonly pool: string };

/** What the gateway sends; other names are a later version's. */
const EVENTS: ReadonlySet<string> = new Set<Message["type"]>([
  "history",
  "report",
  "state",
  "decisions",
  "gateway",
  "gone",
  "simulation",
  "traffic",
]);

export function isEvent(name: string): boolean {
  return EVENTS.has(name);
}

export const NOTHING_YET: State = {
  connection: "connecting",
  receivedAtMs: null,
  pools: new Map(),
  traffic: null,
  aheadMs: 0,
  gateway: null,
  chosen: null,
};

const EMPTY_POOL: PoolState = {
  samples: [],
  decisions: [],
  condition: null,
  last: null,
  reportedAtMs: null,
  simulation: null,
};

/** The next state: every message is one event of the stream, a change of the connection or a choice. */
export function receive(state: State, message: Message): State {
  if (message.type === "connection") return { ...state, connection: message.value };
  if (message.type === "choose") return { ...state, chosen: message.pool };
  const received = { ...state, connection: "live", receivedAtMs: message.atMs } as const;
  switch (message.type) {
    case "history":
      return {
        ...received,
        pools: poolsOf(message.value, message.atMs),
        gateway: message.value.gateway,
        aheadMs: aheadOf(state.aheadMs, message.value.atMs - message.atMs),
      };
    case "report":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => ({
          ...withReport(p, message.value),
          reportedAtMs: message.atMs,
        })),
      };
    case "state":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => ({ ...p, condition: message.value })),
      };
    case "decisions":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => withDecisions(p, message.value)),
      };
    case "gateway":
      return { ...received, gateway: message.value };
    case "gone":
      return { ...received, pools: without(state.pools, message.value.pool) };
    case "simulation":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => ({ ...p, simulation: message.value })),
      };
    case "traffic":
      return {
        ...received,
        traffic: message.value,
        aheadMs: aheadOf(state.aheadMs, message.value.atMs - message.atMs),
      };
  }
}

/** An event is on its way for a while, longer or shorter: what was known stays as long as it fits. */
function aheadOf(before: number, ms: number): number {
  if (Math.abs(ms - before) < SAME_CLOCK_MS) return before;
  return Math.abs(ms) < SAME_CLOCK_MS ? 0 : Math.round(ms / 1000) * 1000;
}

/** The pool to show, or null while none is known. */
export function shownPool(state: State): string | null {
  if (state.chosen !== null && state.pools.has(state.chosen)) return state.chosen;
  return state.pools.keys().next().value ?? null;
}

/** The pool that the person chose, where the gateway has none of that name; another is shown meanwhile. */
export function missedPool({ chosen, pools, gateway }: State): string | null {
  return gateway === null || chosen === null || pools.has(chosen) ? null : chosen;
}

/** What the server remembers replaces what the page did: after a restart the old figures are not its own. */
function poolsOf(history: History, atMs: number): State["pools"] {
  let pools: State["pools"] = new Map();
  for (const sample of history.reports) pools = changed(pools, sample.pool, (p) => withSample(p, sample));
  // Its sample is among the others.
  for (const last of history.latest) {
    // It may have come long before the page did.
    const reportedAtMs = atMs - Math.max(0, history.atMs - last.atMs);
    pools = changed(pools, last.pool, (p) => ({ ...p, last, reportedAtMs }));
  }
  for (const condition of history.states)
    pools = changed(pools, condition.pool, (p) => ({ ...p, condition }));
  for (const decisions of history.decisions)
    pools = changed(pools, decisions.pool, (p) => withDecisions(p, decisions));
  for (const simulation of history.simulations)
    pools = changed(pools, simulation.pool, (p) => ({ ...p, simulation }));
  return pools;
}

function changed(pools: State["pools"], name: string, change: (pool: PoolState) => PoolState) {
  return new Map(pools).set(name, change(pools.get(name) ?? EMPTY_POOL));
}

function without(pools: State["pools"], name: string) {
  return new Map([...pools].filter(([other]) => other !== name));
}

function withDecisions(pool: PoolState, { decisions }: Decisions): PoolState {
  const byId = new Map(pool.decisions.map((decision) => [decision.id, decision]));
  for (const decision of decisions) byId.set(decision.id, decision);
  const all = [...byId.values()].toSorted((a, b) => a.id - b.id);
  return { ...pool, decisions: all.slice(-DECISIONS_KEPT) };
}

function withReport(pool: PoolState, last: PoolReport): PoolState {
  const { pool: name, atMs, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs } = last;
  const sample = { pool: name, atMs, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs };
  return { ...withSample(pool, sample), last };
}

function withSample(pool: PoolState, sample: PoolSample): PoolState {
  return {
    ...pool,
    samples: [...pool.samples, sample].slice(-SAMPLES_KEPT),
  };
}
