import { readFileSync } from "node:fs";
import fc from "fast-check";
import { type HeadLayout, headOf, withHead } from "./stored-head.ts";
import { POOL_MOSTS, POOL_SUMS } from "../src/control/history/pool-row.ts";
import { TRAFFIC_SUMS } from "../src/control/history/traffic-row.ts";
import { decodeAuditEntry, encodeAuditEntry } from "../src/control/messages/audit-entry.ts";
import { decodeLeader, encodeLeader } from "../src/control/messages/leader.ts";
import { decodeLearned, encodeLearned } from "../src/control/messages/learned-load.ts";
import { decodeOperatorState, encodeOperatorState } from "../src/control/messages/operator-state.ts";
import { type PoolMessage, decodeMessage, encodeMessage } from "../src/control/messages/pool-message.ts";
import { receivedCounts } from "../src/control/messages/received-counts.ts";
import { decodeRollout, encodeRollout } from "../src/control/messages/rollout-record.ts";
import { decodeChanges, encodeChanges } from "../src/control/messages/stored-changes.ts";
import { decodeDecisions, encodeDecisions } from "../src/control/messages/stored-decisions.ts";
import { decodeGpus, encodeGpus } from "../src/control/messages/stored-gpus.ts";
import { decodeHistory, encodeHistory } from "../src/control/messages/stored-history.ts";
import { withoutEnd } from "../src/control/messages/stored-rows.ts";
import { decodeEngine, encodeEngine } from "../src/control/messages/stored-engine.ts";
import { decodeExchange, encodeExchange } from "../src/control/messages/stored-exchange.ts";
import { decodeGpuPairs, encodeGpuPairs } from "../src/control/messages/stored-gpu-pairs.ts";
import { decodeReport, encodeReport } from "../src/control/messages/stored-report.ts";
import { countInto } from "../src/lib/log-histogram.ts";
import { DECISION_KINDS, DECISION_STATES } from "../src/model/decision-record.ts";
import { EXCHANGE_BASES } from "../src/model/pool-exchange.ts";
import { type Placement, indexReplicas } from "../src/model/placement.ts";
import { decodeSnapshot, encodeSnapshot } from "../src/model/snapshot-bytes.ts";
import {
  decodeGroups,
  decodeSamples,
  encodeGroups,
  encodeSamples,
} from "../src/serving/sharing/group-bytes.ts";
import { decodeGatewayReport, encodeGatewayReport } from "../src/serving/sharing/gateway-report.ts";
import { decodeSketch, encodeSketch } from "../src/serving/sharing/sketch-bytes.ts";

const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 };
/** Of the pool that everything here is about. */
const SHAPE = { layers: 2, experts: 3, gpus: 2 };

/** One kind of what gateways leave for each other in a store. */
export interface StoredKind {
  readonly name: string;
  /** Where JSON lies in it; null where there is none. */
  readonly head: HeadLayout | null;
  /** Bytes behind the JSON, but for those that fill up. */
  readonly behind: number;
  readonly value: fc.Arbitrary<unknown>;
  readonly encode: (value: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  /** As commit c24fd58 wrote one of them, or the first version that has the kind. */
  readonly before: Uint8Array;
}

const written = JSON.parse(
  readFileSync(new URL("../test/golden/stored/c24fd58.json", import.meta.url), "utf8"),
) as Record<string, string>;

/** What commit c24fd58 wrote. */
export function writtenBefore(name: string): Uint8Array {
  return Buffer.from(written[name], "base64");
}

const positive = fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const rank = fc.nat(SHAPE.gpus - 1);
const epoch = fc.integer({ min: 1 });
const incarnation = fc.option(fc.maxSafeNat());
const words = fc.string({ unit: "grapheme" });
const floats = (length: number) =>
  fc
    .array(fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }), {
      minLength: length,
      maxLength: length,
    })
    .map((values) => Float32Array.from(values, (value) => value + 0));
/** As float16 holds them in thousands. */
const thousandfold = (length: number) =>
  fc
    .array(fc.nat(65_504), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(Float16Array.from(values), (value) => 1000 * value));
const doubles = (length: number, of: fc.Arbitrary<number>) =>
  fc.array(of, { minLength: length, maxLength: length }).map((values) => Float64Array.from(values));
const placement: fc.Arbitrary<Placement> = fc
  .array(fc.integer({ min: -1, max: SHAPE.experts - 1 }), { minLength: 8, maxLength: 8 })
  .map((slots) => ({ layers: 2, experts: 3, topology, physicalToLogical: Int32Array.from(slots) }));

const snapshot = fc
  .record({
    pool: words,
    model: words,
    epoch: fc.nat(),
    reason: words,
    placement,
    values: doubles(8, fc.double({ min: 0, max: 1, noNaN: true })),
    prices: doubles(4, finite),
    missing: fc.array(fc.record({ layer: fc.nat(1), experts: fc.array(fc.nat(2)) })),
  })
  .map(({ values, prices, reason, ...rest }) => ({
    ...rest,
    change: { kind: "shares", reason, atMs: 1, movedSlots: 2, movedBytes: 3 },
    replicas: indexReplicas(rest.placement),
    shares: { values, prices },
  }));

const counted = fc.constantFrom("source", "received");
const received = fc
  .tuple(rank, fc.integer({ min: 1, max: 1e6 }), floats(6))
  .map(([of, windowMs, tokens]) => receivedCounts(of, windowMs, Float64Array.from(tokens)));
const part = fc.option(fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0));
const balancing = { name: words, step: fc.maxSafeNat(), rebalances: fc.nat(), rebalanceEvery: fc.nat() };
const engineWindow = fc.record({
  ...balancing,
  dispatch: words,
  balancedness: part,
  windowMs: positive,
  counts: words,
  empty: fc.boolean(),
  ranks: fc.nat(),
  otherMap: fc.array(rank),
  otherTable: fc.array(rank),
});
const engine = fc.record({
  ...balancing,
  stepsSinceRebalance: fc.maxSafeNat(),
  dispatch: words,
  balancedness: part,
  ranks: fc.nat(),
  windowMs: positive,
  measuredAtMs: finite,
  faults: fc.array(
    fc.record({ kind: words, ranks: fc.array(rank, { maxLength: 3 }), sinceMs: finite, text: words }),
    { maxLength: 3 },
  ),
});
const load = fc.record({
  kind: fc.constant("load"),
  from: words,
  sampled: fc.boolean(),
  reported: fc.array(fc.record({ rank, windowMs: positive, incarnation, counted })),
  spanMs: positive,
  tokens: floats(6),
  received: fc.array(received),
  engines: fc.array(engineWindow, { maxLength: 2 }),
  sent: fc.array(
    fc.record({
      rank,
      spanMs: fc.integer({ min: 1, max: 1e6 }),
      selections: floats(2),
      own: positive,
      gpus: fc.constantFrom(0, 4).chain(thousandfold),
    }),
    { maxLength: 2 },
  ),
});
const ack = fc.record({
  kind: fc.constant("ack"),
  epoch,
  rank,
  phase: fc.constantFrom("prepared", "committed"),
  incarnation,
});
const rankMessage = fc.record({
  kind: fc.constant("rank"),
  rank,
  state: fc.constantFrom("lost", "ready"),
  incarnation,
});
const order = fc.oneof(
  fc.record({ kind: fc.constantFrom("drain", "undrain"), rank }),
  fc.record({ kind: fc.constantFrom("pause", "resume", "rebalance") }),
  fc.record({ kind: fc.constant("rollback"), epoch }),
);

const rollout = fc.record({
  retire: fc.nat(),
  issued: fc.nat(),
  pending: fc.option(
    fc.record({
      epoch,
      phase: fc.constantFrom("prepare", "commit"),
      layers: fc.array(fc.nat(1)),
      chunk: epoch,
      chunks: epoch,
      reason: words,
      placement,
    }),
  ),
});

const operatorState = fc.record({
  paused: fc.boolean(),
  drained: fc.array(rank),
  lost: fc.array(fc.record({ rank, how: fc.constantFrom("reported", "silent", "restarted") })),
  incarnations: fc.array(
    fc.record({
      rank,
      incarnation: fc.maxSafeNat(),
      begun: fc.boolean(),
      before: fc.array(fc.maxSafeNat()),
      windowMs: fc.option(positive),
    }),
  ),
});

const measured = fc.option(finite);
const balanced = fc.record({
  balancedness: measured,
  fullestGpu: measured,
  hopsPerToken: measured,
  nodeHopsPerToken: measured,
  stepMs: measured,
});
const report = fc.record({
  pool: words,
  model: words,
  atMs: finite,
  topology: fc.constant(topology),
  epoch: fc.nat(),
  layers: fc.constant(2),
  layerNumbers: fc.constantFrom([1, 3], []),
  experts: fc.constant(3),
  topk: fc.constantFrom(2, 0),
  tokensPerSecond: finite,
  balancedness: measured,
  nodeHopsPerToken: measured,
  hopsPerToken: measured,
  stepMs: measured,
  expertLoad: fc.array(fc.array(finite)),
  gpuLoad: fc.array(finite),
  gpuPeak: fc.array(fc.record({ layer: fc.nat(1), timesMean: positive })),
  gpuHolds: fc.array(positive),
  activated: fc.option(fc.record({ perGpu: fc.array(positive), estimated: fc.boolean() })),
  layerBalancedness: fc.array(measured),
  ranks: fc.array(fc.record({ running: positive, waiting: positive, kvUse: positive })),
  placedAtMs: measured,
  movedSlots: fc.nat(),
  decision: words,
  explanation: fc.jsonValue(),
  lagMs: measured,
  loads: fc.option(
    fc.record({
      counts: counted,
      otherKind: fc.array(rank),
      missing: fc.array(rank),
      implausible: fc.array(rank),
      implausibleLayers: fc.array(fc.nat(1)),
    }),
  ),
  beside: fc.option(
    fc.record({
      title: words,
      part: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0),
      pool: balanced,
      beside: balanced,
      movedSlots: fc.nat(),
      placements: fc.nat(),
    }),
  ),
});

const predicted = fc.record({ balancedness: finite, nodeHops: measured });
const figures = fc.option(
  fc.record({
    spanMs: positive,
    tokensPerSecond: positive,
    balancedness: positive,
    nodeHops: measured,
  }),
);
const decision = fc.record({
  id: epoch,
  kind: fc.constantFrom(...DECISION_KINDS),
  reason: words,
  state: fc.constantFrom(...DECISION_STATES),
  why: fc.option(words),
  atMs: finite,
  endMs: measured,
  times: epoch,
  stages: fc.option(fc.record({ done: fc.nat(), of: fc.nat() })),
  movedSlots: fc.nat(),
  movedBytes: positive,
  weighed: fc.option(
    fc.record({
      before: predicted,
      after: predicted,
      movedSlots: fc.nat(),
      movedBytes: positive,
      gain: measured,
      neededGain: measured,
    }),
  ),
  before: figures,
  after: figures,
});

const exchange = fc.boolean().chain((isKnown) =>
  fc.record({
    atMs: finite,
    spanMs: positive,
    by: fc.constantFrom("gpu", "node"),
    units: fc.constant(2),
    basis: fc.constantFrom(...EXCHANGE_BASES),
    how: words,
    selections: floats(isKnown ? 4 : 0),
    tokens: floats(isKnown ? 4 : 0),
    ownGpu: positive,
    ownNode: positive,
    hopsPerToken: fc.option(positive),
    nodeHopsPerToken: fc.option(positive),
    silent: fc.array(rank),
  }),
);

const gpuPairs = fc.boolean().chain((isKnown) =>
  fc.record({
    atMs: finite,
    gpus: fc.constant(2),
    selections: thousandfold(4),
    tokens: thousandfold(isKnown ? 4 : 0),
  }),
);

const byBucket = fc.array(fc.double({ min: 0, max: 1e8, noNaN: true })).map((values) => {
  const counts: number[] = [];
  for (const value of values) countInto(counts, value);
  return counts;
});
const seconds = { atS: fc.nat(), seconds: fc.integer({ min: 1, max: 60 }) };
const rowsOf = <R extends { atS: number }>(row: fc.Arbitrary<R>) =>
  fc
    .uniqueArray(row, { maxLength: 3, selector: ({ atS }) => atS })
    .map((rows) => rows.toSorted((a, b) => a.atS - b.atS));
const numbersOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, fc.maxSafeNat()]));
const history = fc.record({
  pool: rowsOf(fc.record({ ...seconds, ...numbersOf([...POOL_SUMS, ...POOL_MOSTS]) })),
  traffic: rowsOf(fc.record({ ...seconds, ...numbersOf(TRAFFIC_SUMS), ttft: byBucket, itl: byBucket })),
});
const perGpu = fc.array(fc.nat(300), { maxLength: 4 }).map((values) => withoutEnd(values));
const filling = fc.record({
  gpu: fc.nat(400),
  held: fc.nat(20_000),
  experts: fc.array(
    fc.record({
      layer: fc.nat(60),
      expert: fc.nat(400),
      load: fc.nat(900),
      share: fc.integer({ min: 1, max: 100 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
});
/** Sums as they are read: whole parts of an even load. */
const gpuRow = fc
  .record({
    ...seconds,
    even: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 45 })),
    spanMs: fc.nat(100_000),
    rankWindows: fc.nat(60),
    load: perGpu,
    held: perGpu,
    kvUse: perGpu,
    waiting: perGpu,
    running: perGpu,
    state: perGpu.map((values) => withoutEnd(values.map((one) => one % 3))),
    fullest: fc.array(filling, { maxLength: 4 }),
  })
  .map(({ load: loads, held, ...row }) => {
    const sums = (parts: readonly number[], of: number) =>
      withoutEnd(row.even === 0 ? [] : parts.map((one) => Math.round((one * row.even) / of)));
    return { ...row, load: sums(loads, 100), held: sums(held, 10_000) };
  });
const gpus = rowsOf(gpuRow);
const traffic = fc.record({
  kind: fc.constant("traffic"),
  atS: fc.nat().map((slot) => 10 * slot),
  ...Object.fromEntries(TRAFFIC_SUMS.map((name) => [name, fc.nat(1e9)])),
  ttft: byBucket,
  itl: byBucket,
});

const gatewayReport = fc.record({
  admission: fc.record({
    inFlight: fc.nat(1000),
    requests: fc.nat(),
    tokens: positive,
    tenants: fc.array(
      fc.record({ tenant: words, inside: fc.nat(1000), requests: fc.nat(), tokens: positive }),
    ),
  }),
  shards: fc
    .array(fc.tuple(fc.oneof(words, fc.constant("__proto__")), fc.tuple(fc.nat(1000), positive, positive)))
    .map((shards) => new Map(shards)),
  moved: fc
    .array(
      fc.tuple(
        words,
        fc.array(
          fc.tuple(
            words,
            finite.filter((one) => Math.abs(one) <= 1e12),
          ),
        ),
      ),
    )
    .map((models) => new Map(models.map(([model, pools]) => [model, new Map(pools)]))),
});

/** As float16 holds them. */
const chances = fc
  .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: SHAPE.experts, maxLength: SHAPE.experts })
  .map((values) => Float32Array.from(Float16Array.from(values)));
const groups = fc
  .tuple(fc.array(fc.record({ pool: words, mix: chances, tokens: positive })), chances, positive, epoch)
  .map(([pools, all, allTokens, requests]) => ({
    pools: pools.map(({ pool }) => pool),
    groups: {
      mixes: pools.map(({ mix }) => mix),
      tokens: Float64Array.from(pools, ({ tokens }) => tokens),
      all,
      allTokens,
      requests,
    },
  }));
const samples = fc.array(
  fc.record({
    pool: fc.option(words),
    tokens: positive,
    seen: fc.integer({ min: 1, max: 1000 }),
    mix: chances,
  }),
);

const whole31 = fc.nat(2 ** 31 - 1);
const expertOrNone = fc.integer({ min: -1, max: SHAPE.experts - 1 });
/** Some of the numbers below `end`, ascending, each with something. */
const ascending = <T>(end: number, what: fc.Arbitrary<T>) =>
  fc
    .uniqueArray(fc.tuple(fc.nat(end - 1), what), { selector: ([at]) => at, maxLength: 5 })
    .map((some) => some.toSorted(([a], [b]) => a - b));
const changes = fc.record({
  forecast: fc.option(
    fc.record({
      decision: epoch,
      atMs: finite,
      load: fc.tuple(...Array.from({ length: SHAPE.layers }, () => fc.tuple(hundredth(), hundredth()))),
    }),
  ),
  changes: fc.array(
    fc.record({
      decision: epoch,
      epochBefore: fc.nat(),
      epochAfter: fc.nat(),
      layers: fc.constant(SHAPE.layers),
      experts: fc.constant(SHAPE.experts),
      topology: fc.constant(topology),
      slots: ascending(SHAPE.layers * 4, fc.tuple(expertOrNone, expertOrNone, fc.nat(1))).map((some) => ({
        at: Int32Array.from(some, ([at]) => at),
        before: Int32Array.from(some, ([, [before]]) => before),
        after: Int32Array.from(some, ([, [, after]]) => after),
        came: Uint8Array.from(some, ([, [, , came]]) => came),
      })),
      touched: ascending(
        SHAPE.layers * SHAPE.experts,
        fc.tuple(fc.nat(4), whole31, fc.nat(SHAPE.experts)),
      ).map((some) => ({
        at: Int32Array.from(some, ([at]) => at),
        replicasBefore: Int32Array.from(some, ([, [replicas]]) => replicas),
        load: Int32Array.from(some, ([, [, hundredths]]) => hundredths),
        place: Int32Array.from(some, ([, [, , place]]) => place),
      })),
    }),
    { maxLength: 3 },
  ),
});
/** Relative to an even part. */
function hundredth() {
  return fc.nat(10_000).map((value) => value / 100);
}

const text = new TextEncoder();

function message(name: string, value: fc.Arbitrary<unknown>, before: string): StoredKind {
  const decode = (bytes: Uint8Array) => decodeMessage(bytes, SHAPE);
  const encode: (value: PoolMessage) => Uint8Array = encodeMessage;
  return {
    name,
    head: "message",
    behind: before === "load" ? 24 : 0,
    value,
    encode,
    decode,
    before: writtenBefore(before),
  };
}

export const STORED_KINDS: readonly StoredKind[] = [
  {
    name: "a snapshot",
    head: "snapshot",
    behind: 128,
    value: snapshot,
    encode: encodeSnapshot,
    decode: decodeSnapshot,
    before: writtenBefore("snapshot"),
  },
  message("a load", load, "load"),
  message("an acknowledgement", ack, "ack"),
  message("news of a rank", rankMessage, "rank"),
  message("an order", fc.record({ kind: fc.constant("order"), order }), "order"),
  {
    name: "a rollout",
    head: "all",
    behind: 0,
    value: rollout,
    encode: encodeRollout,
    decode: decodeRollout,
    before: writtenBefore("rollout"),
  },
  {
    name: "an operator state",
    head: "all",
    behind: 0,
    value: operatorState,
    encode: encodeOperatorState,
    decode: decodeOperatorState,
    before: writtenBefore("operatorState"),
  },
  {
    name: "a leader",
    head: "all",
    behind: 0,
    value: fc.record({ gateway: words, sinceMs: finite }),
    encode: encodeLeader,
    decode: decodeLeader,
    before: writtenBefore("leader"),
  },
  {
    name: "a learned load",
    head: null,
    behind: 32,
    value: floats(6).map((tokens) => ({ layers: 2, experts: 3, tokens: Float64Array.from(tokens) })),
    encode: encodeLearned,
    decode: (bytes) => decodeLearned(bytes, SHAPE.layers, SHAPE.experts),
    before: writtenBefore("learnedLoad"),
  },
  {
    name: "a pool's report",
    head: "all",
    behind: 0,
    value: report,
    encode: encodeReport,
    decode: decodeReport,
    before: writtenBefore("poolReport"),
  },
  {
    name: "a gateway's report",
    head: "all",
    behind: 0,
    value: gatewayReport,
    encode: encodeGatewayReport,
    decode: decodeGatewayReport,
    before: writtenBefore("gatewayReport"),
  },
  {
    name: "groups of requests",
    head: "all",
    behind: 0,
    value: groups,
    encode: encodeGroups,
    decode: decodeGroups,
    before: text.encode(
      '{"v":1,"pools":[{"pool":"a","tokens":7,"mix":"ADwAOAAA"}],"all":{"tokens":9,"mix":"ADgAOAA0"},"requests":3}',
    ),
  },
  {
    name: "samples of requests",
    head: "all",
    behind: 0,
    value: samples,
    encode: encodeSamples,
    decode: decodeSamples,
    before: text.encode('{"v":1,"samples":[{"pool":null,"tokens":7,"seen":2,"mix":"ADwAOAAA"}]}'),
  },
  {
    name: "a sketch",
    head: null,
    behind: 32,
    value: fc.record({ tokens: positive, counts: floats(6) }),
    encode: encodeSketch,
    decode: (bytes) => decodeSketch(bytes, SHAPE.layers * SHAPE.experts),
    before: writtenBefore("expertSketch"),
  },
  {
    name: "an audit entry",
    head: "all",
    behind: 0,
    value: fc.record({ by: words, gateway: words, order }),
    encode: (entry: Parameters<typeof encodeAuditEntry>[0]) => text.encode(encodeAuditEntry(entry)),
    decode: (bytes) => decodeAuditEntry(new TextDecoder().decode(bytes)),
    before: writtenBefore("auditEntry"),
  },
  {
    name: "what was decided",
    head: "all",
    behind: 0,
    value: fc.array(decision, { maxLength: 3 }),
    encode: encodeDecisions,
    decode: decodeDecisions,
    before: text.encode(
      '{"v":1,"decisions":[{"id":1,"kind":"placement","reason":"it","state":"done","why":null,"atMs":5,"endMs":7,"times":1,"stages":{"done":2,"of":2},"movedSlots":3,"movedBytes":9,"weighed":{"before":{"balancedness":0.5,"nodeHops":1},"after":{"balancedness":0.75,"nodeHops":null},"movedSlots":3,"movedBytes":9,"gain":0.5,"neededGain":0.25},"before":null,"after":{"spanMs":2,"tokensPerSecond":1,"balancedness":0.5,"nodeHops":0}}]}',
    ),
  },
  {
    name: "what decisions changed",
    head: "message",
    behind: 20,
    value: changes,
    encode: encodeChanges,
    decode: decodeChanges,
    before: Buffer.from(
      "3wAAAHsidiI6MSwiZm9yZWNhc3QiOnsiZGVjaXNpb24iOjMsImF0TXMiOjUsImxheWVycyI6MiwiZXhwZXJ0cyI6M30sImNoYW5nZXMiOlt7ImRlY2lzaW9uIjozLCJlcG9jaEJlZm9yZSI6NywiZXBvY2hBZnRlciI6OSwibGF5ZXJzIjoyLCJleHBlcnRzIjozLCJ0b3BvbG9neSI6eyJub2RlcyI6MSwiZ3B1c1Blck5vZGUiOjIsInNsb3RzUGVyR3B1IjoyfSwic2xvdHMiOjIsInRvdWNoZWQiOjN9XX1kMpYByAEZSwEBBwUABAACMgMCAZYBAQIBGQM=",
      "base64",
    ),
  },
  {
    name: "who sends to whom",
    head: "all",
    behind: 0,
    value: exchange,
    encode: encodeExchange,
    decode: decodeExchange,
    before: text.encode(
      '{"v":1,"by":"node","units":2,"spanMs":5000,"basis":"counted","how":"so","ownGpu":1,"ownNode":3,"hopsPerToken":2,"nodeHopsPerToken":1,"silent":[1],"atMs":7,"selections":"AACAPwAAAEAAAEBAAACAQA==","tokens":""}',
    ),
  },
  {
    name: "who sends to whom, GPU by GPU",
    head: "all",
    behind: 0,
    value: gpuPairs,
    encode: encodeGpuPairs,
    decode: decodeGpuPairs,
    before: text.encode('{"v":1,"atMs":7,"gpus":2,"selections":"ADwAQABCAEQ=","tokens":""}'),
  },
  {
    name: "a history",
    head: "message",
    behind: 100,
    value: history,
    encode: encodeHistory,
    decode: decodeHistory,
    before: Buffer.from(
      "LQEAAHsidiI6MSwicG9vbCI6eyJyb3dzIjoyLCJudW1iZXJzIjpbInNwYW5NcyIsInRva2VucyIsInN1bU1lYW4iLCJzdW1NYXgiLCJwYWlycyIsImhvcHMiLCJub2RlSG9wcyIsInN0ZXBzIiwic3RlcFRpbWUiLCJxdWV1ZVdpbmRvd3MiLCJydW5uaW5nIiwid2FpdGluZyIsImt2VXNlIiwicGVhayIsImxvc3RSYW5rcyIsIm1pc3NpbmdFeHBlcnRzIiwiZXBvY2giXSwiY291bnRzIjpbXX0sInRyYWZmaWMiOnsicm93cyI6MSwibnVtYmVycyI6WyJzcGFuTXMiLCJlbmRlZCIsImZhaWxlZCJdLCJjb3VudHMiOlsidHRmdCIsIml0bCJdfX2ApKfaBjwDZ8sBrwKTA/cD2wS/BaMGhwfrB88IswmXCvsK3wvDDD0BAGTIAawCkAP0A9gEvAWgBoQH6AfMCLAJlAr4CtwLwAyApKfaBjzg1AMHAQIDAwCEBwAA",
      "base64",
    ),
  },
  {
    name: "a part of the past of GPUs",
    head: "message",
    behind: 103,
    value: gpus,
    encode: encodeGpus,
    decode: decodeGpus,
    before: Buffer.from(
      "igAAAHsidiI6MSwicm93cyI6eyJyb3dzIjoyLCJudW1iZXJzIjpbInNwYW5NcyIsImV2ZW4iLCJyYW5rV2luZG93cyJdLCJjb3VudHMiOlsibG9hZCIsImhlbGQiLCJrdlVzZSIsIndhaXRpbmciLCJydW5uaW5nIiwic3RhdGUiLCJmdWxsZXN0Il19fYCkp9oGCpxOrP+0swUKAARkZwBkAQP0AwBkAAQyPQA0AQEHAAQQEwAPAgECAAuLBAECBckBjwE+AANLZAoKnE6s/7SzBQoABGRnAGQBA/QDAGQABDI9ADQBAQcABBATAA8CAgIBAAA=",
      "base64",
    ),
  },
  {
    ...message("a gateway's traffic", traffic, "ack"),
    before: Buffer.from(
      "ZAAAAHsidiI6MSwia2luZCI6InRyYWZmaWMiLCJhdFMiOjE4MDAwMDAwMTAsInNwYW5NcyI6MTAwMDAsImVuZGVkIjozLCJmYWlsZWQiOjEsInR0ZnQiOlswLDJdLCJpdGwiOls1XX0=",
      "base64",
    ),
  },
  {
    name: "an engine's load balancing",
    head: "all",
    behind: 0,
    value: fc.option(engine),
    encode: encodeEngine,
    decode: decodeEngine,
    before: text.encode(
      '{"v":1,"engine":{"name":"vllm 0.32.0","step":9000,"rebalances":2,"rebalanceEvery":3000,"stepsSinceRebalance":7000,"dispatch":"even","balancedness":0.5,"ranks":2,"windowMs":1000,"measuredAtMs":7,"faults":[{"kind":"stopped","ranks":[],"sinceMs":5,"text":"it"}]}}',
    ),
  },
];

/** Empty where there is none. */
export function headOfKind({ head }: StoredKind, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return head === null ? {} : headOf(bytes, head);
}

/** The same with more, or other, fields in its head. */
export function withFields({ head }: StoredKind, bytes: Uint8Array, more: object): Uint8Array {
  return head === null ? bytes : withHead(bytes, head, (fields) => ({ ...fields, ...more }));
}
