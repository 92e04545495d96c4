import { describe, expect, it } from "vitest";
import { capacity } from "../../src/routing/filters/capacity.ts";
import { circuit } from "../../src/routing/filters/circuit.ts";
import { firstTier } from "../../src/routing/filters/first-tier.ts";
import { model } from "../../src/routing/filters/model.ts";
import { pinned } from "../../src/routing/filters/pinned.ts";
import { ready } from "../../src/routing/filters/ready.ts";
import { untried } from "../../src/routing/filters/untried.ts";
import type { Filter } from "../../src/routing/plug-in.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { routable } from "../routable-request.ts";

/** Which of four shards stay eligible, of which the last was not before. */
function eligible(filter: Filter, states: ShardStates, request = routable()): number[] {
  const left = Uint8Array.of(1, 1, 1, 0);
  filter.exclude(request, states, left);
  return [...left];
}

describe("filters", () => {
  it("ready: by the last probe", () => {
    const states = new ShardStates(4);
    expect(eligible(ready, states)).toEqual([1, 1, 1, 0]);
    states.ready[1] = 0;
    expect(eligible(ready, states)).toEqual([1, 0, 1, 0]);
  });

  it("circuit: while shards are kept away from", () => {
    const states = new ShardStates(4);
    states.admitting[0] = 0;
    expect(eligible(circuit, states)).toEqual([0, 1, 1, 0]);
  });

  it("model: where the shard has models of its own, only those", () => {
    const states = new ShardStates(4);
    states.models[0] = new Set(["other"]);
    states.models[1] = new Set(["other", "m"]);
    states.models[3] = new Set(["m"]);
    expect(eligible(model, states)).toEqual([0, 1, 1, 0]);
  });

  it("first tier: later ones only where no earlier one is left", () => {
    const states = new ShardStates(4);
    states.tier.set([2, 1, 1, 0]);
    expect(eligible(firstTier, states)).toEqual([0, 1, 1, 0]);
    states.tier.set([1, 1, 1, 0]);
    expect(eligible(firstTier, states)).toEqual([1, 1, 1, 0]);
  });

  it("untried: not where the request failed", () => {
    expect(eligible(untried, new ShardStates(4), routable({ tried: [2, 0] }))).toEqual([0, 1, 0, 0]);
  });

  it("pinned: the rank that the client names, and none when there is no such rank", () => {
    const states = new ShardStates(4);
    expect(eligible(pinned, states)).toEqual([1, 1, 1, 0]);
    expect(eligible(pinned, states, routable({ pinnedRank: 1 }))).toEqual([0, 1, 0, 0]);
    expect(eligible(pinned, states, routable({ pinnedRank: 4 }))).toEqual([0, 0, 0, 0]);
  });

  it("capacity: the gateway's requests and what others have there", () => {
    const states = new ShardStates(4);
    states.maxRequests.set([2, 2, 0, 2]);
    states.begin(0, 1, 1);
    states.report(1, { running: 1, waiting: 0 }, null, null);
    for (let i = 0; i < 9; i++) states.begin(2, 1, 1);
    expect(eligible(capacity, states)).toEqual([1, 1, 1, 0]);
    states.begin(0, 1, 1);
    states.begin(1, 1, 1);
    expect(eligible(capacity, states)).toEqual([0, 0, 1, 0]);
    states.end(1, 1, 1);
    expect(eligible(capacity, states)).toEqual([0, 1, 1, 0]);
  });
});
