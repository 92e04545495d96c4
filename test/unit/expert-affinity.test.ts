import { describe, expect, it } from "vitest";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import type { ExpertOutlook } from "../../src/routing/routable-request.ts";
import { ExpertAffinity } from "../../src/serving/affinity/expert-affinity.ts";
import { ANONYMOUS } from "../../src/serving/request/request-facts.ts";
import { SketchSharer } from "../../src/serving/sharing/sketch-sharer.ts";
import { Reading } from "../../src/lib/reading.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { HandClock } from "../hand-clock.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";

const { experts, topk } = SMALL_MODEL;
/** Experts 0 to 15 are on node 0. */
const TOPOLOGY = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 8 };
const NO_PREFIX = new Uint32Array(0);
const APPLICATION = Uint32Array.of(7, 8, 9, 10);
const OTHER_APPLICATION = Uint32Array.of(70, 80);

function mapOf(mirrored = false): ReplicaMap {
  const inOrder = contiguousPlacement(SMALL_MOE_LAYERS, experts, TOPOLOGY);
  const { physicalToLogical } = inOrder;
  const placement = mirrored
    ? { ...inOrder, physicalToLogical: Int32Array.from(physicalToLogical).toReversed() }
    : inOrder;
  const replicas = indexReplicas(placement);
  const { values, prices } = evenShares(placement, replicas);
  return { placement, replicas, shares: { values, prices: prices.fill(1 / 4) } };
}

/** Tokens that go to the experts of one node only. */
function tokensOn(node: number, tokens = 64): RoutingTrace {
  const ids = Int16Array.from({ length: tokens * SMALL_MOE_LAYERS * topk }, (_, i) => node * 16 + (i % 16));
  return { tokens, layers: SMALL_MOE_LAYERS, topk, experts: ids };
}

/** Its turns are taken by hand. */
class Affinity {
  readonly clock = new HandClock();
  readonly turns: (() => void)[] = [];
  readonly experts: ExpertAffinity;

  constructor(shards = 4) {
    const later = (turn: () => void) => void this.turns.push(turn);
    this.experts = new ExpertAffinity({
      model: SMALL_MODEL,
      topology: TOPOLOGY,
      shards,
      sketchBytes: 1 << 20,
      clock: this.clock,
      later,
    });
  }

  /** @returns how many turns it took until nothing was left to do */
  settle(): number {
    let turns = 0;
    for (let turn = this.turns.shift(); turn !== undefined; turn = this.turns.shift(), turns++) turn();
    return turns;
  }

  /** Hops from each shard, to one decimal. */
  hops(tenant: string, prefix = NO_PREFIX): number[] | null {
    const outlook = this.experts.of(tenant, prefix);
    return outlook === null ? null : Array.from(outlook.nodeHops, (hops) => Math.round(hops * 10) / 10);
  }
}

/** One that has learned that tenant a is at home on node 0 and b on node 1. */
function learned(shards?: number): Affinity {
  const affinity = new Affinity(shards);
  affinity.experts.switchTo(mapOf());
  for (let i = 0; i < 20; i++) {
    affinity.experts.observe("a", NO_PREFIX, tokensOn(0));
    affinity.experts.observe("b", NO_PREFIX, tokensOn(1));
    affinity.settle();
  }
  return affinity;
}

describe("expert affinity", () => {
  it("knows nothing before requests were observed, nor before there is a placement", () => {
    const affinity = new Affinity();
    affinity.experts.observe("a", NO_PREFIX, tokensOn(0));
    affinity.settle();
    expect(affinity.hops("a")).toBeNull();
    affinity.experts.switchTo(mapOf());
    expect(affinity.hops("a")).toBeNull();
    affinity.experts.observe("a", NO_PREFIX, tokensOn(0));
    affinity.settle();
    expect(affinity.hops("a")).not.toBeNull();
  });

  it("sends each tenant to where its experts are, and strangers by what all have in common", () => {
    const affinity = learned();
    const [a, b, stranger] = ["a", "b", "c"].map((tenant) => affinity.hops(tenant) ?? []);
    expect(a[0]).toBeLessThan(0.3);
    expect(a[2]).toBeGreaterThan(0.9);
    expect(b).toEqual([a[2], a[2], a[0], a[0]]);
    expect(Math.abs(stranger[0] - stranger[2])).toBeLessThan(0.1);
    expect(affinity.hops(ANONYMOUS)).toEqual(stranger);
    const { marginalLoad } = affinity.experts.of("a", NO_PREFIX) as ExpertOutlook;
    expect(marginalLoad).toHaveLength(4);
    for (const load of marginalLoad) expect(load).toBeCloseTo(1, 9);
    expect(affinity.experts.kinds).toBe(2);
  });

  it("goes on with what was learned before, for the same shards at once, for others once it is worked out", () => {
    const before = learned();
    const same = new Affinity();
    same.experts.switchTo(mapOf());
    same.experts.resume(before.experts);
    expect(same.hops("a")).toEqual(before.hops("a"));
    same.settle();
    expect(["a", "b", "c"].map((tenant) => same.hops(tenant))).toEqual(
      ["a", "b", "c"].map((tenant) => before.hops(tenant)),
    );
    const halved = new Affinity(2);
    halved.experts.switchTo(mapOf());
    halved.experts.resume(before.experts);
    halved.settle();
    expect(halved.hops("a")).toEqual(learned(2).hops("a"));
    // What it knows by itself from then on is its own.
    for (let i = 0; i < 40; i++) {
      halved.experts.observe("a", NO_PREFIX, tokensOn(1));
      halved.settle();
    }
    expect(before.hops("a")?.[0]).toBeLessThan(0.3);
  });

  it("distinguishes a tenant's applications once they are met again, by their first block", () => {
    const affinity = learned();
    const strange = Uint32Array.of(...APPLICATION.subarray(0, 2), 1, 2);
    affinity.experts.observe("a", APPLICATION, tokensOn(1));
    affinity.settle();
    expect(affinity.experts.kinds).toBe(2);
    for (let i = 0; i < 10; i++) {
      affinity.experts.observe("a", APPLICATION, tokensOn(1));
      affinity.settle();
    }
    expect(affinity.experts.kinds).toBe(3);
    const application = affinity.hops("a", APPLICATION) ?? [];
    expect(application[0]).toBeGreaterThan(0.9);
    expect(application[2]).toBeLessThan(0.4);
    expect(affinity.hops("a", strange)).toEqual(application);
    expect(affinity.hops("a", OTHER_APPLICATION)).toEqual(affinity.hops("a"));
    expect(affinity.hops("b", APPLICATION)).toEqual(affinity.hops("b"));
  });

  it("serves what it has until a new placement is worked out, once for each kind that is asked for", () => {
    const affinity = learned();
    const before = affinity.hops("a");
    affinity.experts.switchTo(mapOf(true));
    for (let i = 0; i < 3; i++) expect(affinity.hops("a")).toEqual(before);
    expect(affinity.settle()).toBe(1);
    expect(affinity.hops("a")).toEqual(before?.toReversed());
  });

  it("gives a shard of several GPUs the mean of theirs", () => {
    const hops = (shards: number) => (learned(shards).experts.of("a", NO_PREFIX) as ExpertOutlook).nodeHops;
    const each = hops(4);
    expect([...hops(2)]).toEqual([each[0], each[2]]);
    expect(hops(1)[0]).toBeCloseTo((each[0] + each[2]) / 2, 12);
  });

  it("leaves out what comes faster than it learns, and forgets the kinds observed longest ago", () => {
    const affinity = new Affinity();
    affinity.experts.switchTo(mapOf());
    for (let i = 0; i < 1000; i++) affinity.experts.observe(`t${i}`, NO_PREFIX, tokensOn(0, 1));
    expect(affinity.turns).toHaveLength(1);
    affinity.settle();
    expect(affinity.experts.kinds).toBe(64);
    for (let i = 0; i < 1500; i++) {
      affinity.experts.observe(`u${i}`, NO_PREFIX, tokensOn(i % 2, 32));
      affinity.settle();
    }
    expect(affinity.experts.kinds).toBe(1024);
    expect(affinity.hops("u0")).toEqual(affinity.hops("never seen"));
    expect(affinity.hops("u1499")).not.toEqual(affinity.hops("never seen"));
  });

  it("keeps its turns short", () => {
    const affinity = new Affinity();
    affinity.experts.switchTo(mapOf());
    affinity.clock.now = () => affinity.clock.ms++;
    for (let i = 0; i < 5; i++) affinity.experts.observe(`t${i}`, NO_PREFIX, tokensOn(0));
    for (let known = 1; known <= 5; known++) {
      expect(affinity.turns).toHaveLength(1);
      affinity.turns.shift()?.();
      expect(affinity.experts.kinds).toBe(known);
    }
    affinity.settle();
    expect(affinity.turns).toHaveLength(0);
  });
});

describe("what gateways learn of experts", () => {
  const reading = new Reading("pool chat", ["expert_sketch"], (fault) => {
    throw fault;
  });
  const shared = () => {
    const store = new LocalStore().pool("chat");
    return (affinity: Affinity) => new SketchSharer(store, affinity.experts, reading);
  };

  it("is known to one that starts later, for the tenants and applications that it meets", async () => {
    const sharing = shared();
    const one = learned();
    one.experts.observe("a", APPLICATION, tokensOn(1));
    one.experts.observe("a", APPLICATION, tokensOn(1));
    one.settle();
    await sharing(one).share();

    const two = new Affinity();
    two.experts.switchTo(mapOf());
    expect(two.hops("a")).toBeNull();
    expect(two.hops("a", APPLICATION)).toBeNull();
    await sharing(two).share();
    two.settle();
    expect(two.hops("a")).toEqual(one.hops("a"));
    expect(two.hops("a", APPLICATION)).toEqual(one.hops("a", APPLICATION));
    expect(two.hops("nobody")).toEqual(one.hops("nobody"));
  });

  it("is taken once there is a map, and does not push out what rests on more", async () => {
    const sharing = shared();
    const one = learned();
    await sharing(one).share();
    const early = new Affinity();
    early.hops("a");
    await sharing(early).share();
    expect(early.settle()).toBe(0);
    early.experts.switchTo(mapOf());
    await sharing(early).share();
    early.settle();
    expect(early.hops("a")).toEqual(one.hops("a"));

    const much = new Affinity();
    much.experts.switchTo(mapOf());
    much.hops("a");
    for (let i = 0; i < 20; i++) much.experts.observe("a", NO_PREFIX, tokensOn(1));
    much.settle();
    const before = much.hops("a");
    await sharing(much).share();
    much.settle();
    expect(much.hops("a")).toEqual(before);
  });

  it("is dropped where it cannot be read, and the rest is taken", async () => {
    const store = new LocalStore().pool("chat");
    const lines: string[] = [];
    const counted = new Reading("pool chat", ["expert_sketch"], ({ message }) => lines.push(message));
    const one = learned();
    const share = (affinity: Affinity) => new SketchSharer(store, affinity.experts, counted).share();
    await share(one);
    await store.offer("0", 1e9, new Uint8Array(9));
    const two = new Affinity();
    two.experts.switchTo(mapOf());
    expect(two.hops("a")).toBeNull();
    await share(two);
    two.settle();
    expect(two.hops("a")).toEqual(one.hops("a"));
    expect(counted.dropped.get("expert_sketch")).toBe(1);
    expect(lines).toHaveLength(1);
  });

  it("does not hold anything up while the store is gone", async () => {
    const gone = () => Promise.reject(new Error("gone"));
    await expect(
      new SketchSharer({ offer: gone, learned: gone }, learned().experts, reading).share(),
    ).resolves.toBeUndefined();
  });
});
