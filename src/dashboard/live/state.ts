import type {
  EpochReport,
  History,
  PoolGone,
  PoolReport,
  PoolSample,
  SimulationReport,
  TrafficReport,
} from "./wire.ts";

/** Samples kept per pool: 15 minutes at one a second. */
const SAMPLES_KEPT = 900;
/** Samples of the start that are kept for comparison however long the page stays open. */
const START_SAMPLES = 10;
const EPOCHS_KEPT = 500;

/**
 * `silent`: connected, but nothing has come for a while. `lost`: not connected any more; being retried. `locked`: the
 * gateway wants a key. `barred`: it answers nobody from here.
 */
export type Connection = "connecting" | "live" | "silent" | "lost" | "locked" | "barred";

export interface PoolState {
  /** Oldest first. */
  readonly samples: readonly PoolSample[];
  /** The earliest samples known of this pool. */
  readonly start: readonly PoolSample[];
  /** Oldest first. */
  readonly epochs: readonly EpochReport[];
  /** `[layers][experts]`, relative to uniform; null before the first live report. */
  readonly expertLoad: PoolReport["expertLoad"] | null;
  /** The layer of the model that each row of it is of. */
  readonly layerNumbers: PoolReport["layerNumbers"];
  /** Null where its servers are real. */
  readonly simulation: SimulationReport | null;
}

export interface State {
  readonly connection: Connection;
  /** When the last event came, wall-clock milliseconds; null before the first. */
  readonly receivedAtMs: number | null;
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly traffic: TrafficReport | null;
  /** The pool that the person chose; null = the first. */
  readonly chosen: string | null;
}

export type Message =
  | { readonly type: "history"; readonly value: History; readonly atMs: number }
  | { readonly type: "epoch"; readonly value: EpochReport; readonly atMs: number }
  | { readonly type: "report"; readonly value: PoolReport; readonly atMs: number }
  | { readonly type: "gone"; readonly value: PoolGone; readonly atMs: number }
  | { readonly type: "simulation"; readonly value: SimulationReport; readonly atMs: number }
  | { readonly type: "traffic"; readonly value: TrafficReport; readonly atMs: number }
  | { readonly type: "connection"; readonly value: Connection }
  | { readonly type: "choose"; readonly pool: string };

export const NOTHING_YET: State = {
  connection: "connecting",
  receivedAtMs: null,
  pools: new Map(),
  traffic: null,
  chosen: null,
};

const EMPTY_POOL: PoolState = {
  samples: [],
  start: [],
  epochs: [],
  expertLoad: null,
  layerNumbers: [],
  simulation: null,
};

/** The next state: every message is one event of the stream, a change of the connection or a choice. */
export function receive(state: State, message: Message): State {
  if (message.type === "connection") return { ...state, connection: message.value };
  if (message.type === "choose") return { ...state, chosen: message.pool };
  const received = { ...state, connection: "live", receivedAtMs: message.atMs } as const;
  switch (message.type) {
    case "history":
      return { ...received, pools: poolsOf(message.value) };
    case "epoch":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => withEpoch(p, message.value)),
      };
    case "report":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => withReport(p, message.value)),
      };
    case "gone":
      return { ...received, pools: without(state.pools, message.value.pool) };
    case "simulation":
      return {
        ...received,
        pools: changed(state.pools, message.value.pool, (p) => ({ ...p, simulation: message.value })),
      };
    case "traffic":
      return { ...received, traffic: message.value };
  }
}

/** The pool to show, or null while none is known. */
export function shownPool(state: State): string | null {
  if (state.chosen !== null && state.pools.has(state.chosen)) return state.chosen;
  return state.pools.keys().next().value ?? null;
}

/** What the server remembers replaces what the page did: after a restart the old figures are not its own. */
function poolsOf(history: History): State["pools"] {
  let pools: State["pools"] = new Map();
  for (const epoch of history.epochs) pools = changed(pools, epoch.pool, (p) => withEpoch(p, epoch));
  for (const sample of history.reports) pools = changed(pools, sample.pool, (p) => withSample(p, sample));
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

function withEpoch(pool: PoolState, epoch: EpochReport): PoolState {
  return { ...pool, epochs: [...pool.epochs, epoch].slice(-EPOCHS_KEPT) };
}

function withReport(pool: PoolState, report: PoolReport): PoolState {
  const { expertLoad, layerNumbers, ...sample } = report;
  return { ...withSample(pool, sample), expertLoad, layerNumbers };
}

function withSample(pool: PoolState, sample: PoolSample): PoolState {
  return {
    ...pool,
    samples: [...pool.samples, sample].slice(-SAMPLES_KEPT),
    start: pool.start.length < START_SAMPLES ? [...pool.start, sample] : pool.start,
  };
}
