import { describe, expect, it } from "vitest";
import { BALANCE_POLICIES, type BalancePolicy } from "../../src/core/planning/balance-policy.ts";
import { Balancer } from "../../src/core/planning/balancer.ts";
import type { Decision } from "../../src/core/planning/decision.ts";
import { policyTopology } from "../../src/core/planning/policy-topology.ts";
import { balancedness, gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { indexReplicas, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS, SMALL_TOPOLOGY } from "../../harness/small-model.ts";

const cadence = { sharesMs: 100, placementMs: 1000 };
const { experts } = SMALL_MODEL;

function balancer(policy: BalancePolicy): Balancer {
  return new Balancer(SMALL_MODEL, policyTopology(SMALL_MODEL, SMALL_TOPOLOGY, policy), policy, cadence, 0);
}

function load(tokens: () => number): ExpertLoad {
  return {
    layers: SMALL_MOE_LAYERS,
    experts,
    tokens: Float64Array.from({ length: SMALL_MOE_LAYERS * experts }, tokens),
  };
}

const rng = new Rng(11);
const skewed = load(() => 1000 * Math.exp(0.7 * rng.normal()));
/** As skewed, elsewhere. */
const drifted = { ...skewed, tokens: skewed.tokens.map((tokens) => tokens * Math.exp(0.7 * rng.normal())) };
const uniform = load(() => 10);

function made(decision: Decision | null): Decision {
  if (decision === null) throw new Error("nothing was decided");
  return decision;
}

function predicted({ current }: Balancer, on: ExpertLoad): number {
  return balancedness(
    gpuLoads(current.placement, current.shares.values, on),
    gpuCount(current.placement.topology),
  );
}

describe("every policy", () => {
  it.each(Object.values(BALANCE_POLICIES))("$name starts with a sound plan for a uniform load", (policy) => {
    const { placement, replicas } = balancer(policy).current;
    expect(placementFault(placement)).toBeNull();
    expect(replicas).toEqual(indexReplicas(placement));
  });

  it.each(Object.values(BALANCE_POLICIES))(
    "$name decides nothing before it has observed anything",
    (policy) => {
      expect(balancer(policy).decide(1e6)).toBeNull();
    },
  );
});

describe("Plimsoll", () => {
  /** At 1000 ms, just placed for the skewed load, and then observing the drifted one. */
  function placed(): Balancer {
    const plimsoll = balancer(BALANCE_POLICIES.plimsoll);
    plimsoll.observe(skewed, 1000);
    plimsoll.accept(made(plimsoll.decide(1000)).plan);
    plimsoll.observe(drifted, 1000);
    return plimsoll;
  }

  it("follows the load with the shares, as soon as their interval has passed", () => {
    const plimsoll = placed();
    expect(plimsoll.decide(1099)).toBeNull();
    const decision = made(plimsoll.decide(1100));
    expect(decision).toMatchObject({ kind: "shares", moves: { slots: 0, bytes: 0 } });
    expect(decision.reason).toMatch(/^forecast balancedness 0\.\d{3} → [01]\.\d{3} by shares$/);
    expect(decision.plan.placement).toBe(plimsoll.current.placement);
    expect(plimsoll.decide(1199)).toBeNull();
  });

  it("changes nothing until its plan is accepted", () => {
    const plimsoll = placed();
    const before = plimsoll.current;
    const worse = predicted(plimsoll, drifted);
    const { plan } = made(plimsoll.decide(1100));
    expect(plimsoll.current).toBe(before);
    expect(predicted(plimsoll, drifted)).toBe(worse);
    plimsoll.accept(plan);
    expect(plimsoll.current).toBe(plan);
    expect(predicted(plimsoll, drifted)).toBeGreaterThan(worse);
  });

  it("keeps shares that are as good as new ones", () => {
    const plimsoll = placed();
    plimsoll.accept(made(plimsoll.decide(1100)).plan);
    plimsoll.observe(drifted, 100);
    const decision = made(plimsoll.decide(1200));
    expect(decision.kind).toBe("keep");
    expect(decision.plan).toBe(plimsoll.current);
  });

  it("re-splits for the recent load: what was long ago has faded from it", () => {
    const [once, twice] = [placed(), placed()];
    twice.observe(drifted, 5000);
    const shares = (subject: Balancer) => made(subject.decide(1100)).plan.shares.values;
    const [a, b] = [shares(once), shares(twice)];
    expect(Math.max(...Float64Array.from(a, (share, i) => Math.abs(share - b[i])))).toBeLessThan(0.01);
  });

  it("moves experts when that is worth it, and says what it weighed", () => {
    const plimsoll = balancer(BALANCE_POLICIES.plimsoll);
    plimsoll.observe(skewed, 1000);
    const before = plimsoll.current.placement;
    const decision = made(plimsoll.decide(1000));
    expect(decision.kind).toBe("placement");
    expect(decision.moves.slots).toBeGreaterThan(0);
    expect(decision.reason).toMatch(
      new RegExp(
        `^re-placed: .* 0\\.\\d{3} → [01]\\.\\d{3} by priced dispatch for ${decision.moves.slots} moved slots$`,
      ),
    );
    expect(placementFault(decision.plan.placement)).toBeNull();
    expect(plimsoll.current.placement).toBe(before);
    plimsoll.accept(decision.plan);
    expect(predicted(plimsoll, skewed)).toBeGreaterThan(0.97);
  });

  it("does not move experts that lie well, and still looks at the shares", () => {
    const plimsoll = balancer(BALANCE_POLICIES.plimsoll);
    plimsoll.observe(uniform, 1000);
    const decision = made(plimsoll.decide(1000));
    expect(decision.kind).toBe("keep");
    expect(decision.reason).toMatch(/^placement kept: .* is not worth it; .* by shares$/);
    expect(decision.moves.slots).toBe(0);
  });

  it("looks at the placement once in its interval", () => {
    const plimsoll = balancer(BALANCE_POLICIES.plimsoll);
    const kinds: string[] = [];
    for (let nowMs = 100; nowMs <= 3000; nowMs += 100) {
      plimsoll.observe(nowMs <= 1500 ? skewed : drifted, 100);
      const { kind, reason, plan } = made(plimsoll.decide(nowMs));
      plimsoll.accept(plan);
      const weighsPlacement = kind === "placement" || reason.startsWith("placement kept");
      expect(weighsPlacement).toBe(nowMs % 1000 === 0);
      kinds.push(kind);
    }
    expect(kinds[9]).toBe("placement");
    // What has drifted since 1.5 s is placed for by 2 s.
    expect(kinds[19]).toBe("placement");
  });
});

describe("a change of the load", () => {
  /** Noisy windows, of the skewed load until 5 s and of the drifted one from then on; the times of what was decided. */
  function decisions(policy: BalancePolicy): { nowMs: number; decision: Decision }[] {
    const subject = balancer(policy);
    const noise = new Rng(12);
    const found: { nowMs: number; decision: Decision }[] = [];
    for (let nowMs = 100; nowMs <= 7000; nowMs += 100) {
      const { tokens } = nowMs <= 5000 ? skewed : drifted;
      subject.observe(
        { ...skewed, tokens: tokens.map((mean) => mean * Math.exp(0.1 * noise.normal())) },
        100,
      );
      const decision = subject.decide(nowMs);
      if (decision === null) continue;
      subject.accept(decision.plan);
      found.push({ nowMs, decision });
    }
    return found;
  }

  it("has Plimsoll weigh placements before their time, and say so", () => {
    const early = decisions(BALANCE_POLICIES.plimsoll).filter(({ decision }) =>
      decision.reason.startsWith("the load has changed: re-placed: "),
    );
    expect(early.length).toBe(1);
    expect(early[0].decision.kind).toBe("placement");
    expect(early[0].nowMs).toBeGreaterThan(5000);
    expect(early[0].nowMs).toBeLessThan(6000);
  });

  it("begins Plimsoll's interval anew", () => {
    const weighed = decisions(BALANCE_POLICIES.plimsoll)
      .filter(({ decision: { kind, reason } }) => kind === "placement" || reason.startsWith("placement kept"))
      .map(({ nowMs }) => nowMs);
    const early = weighed[5];
    expect(weighed).toEqual([1000, 2000, 3000, 4000, 5000, early, early + 1000]);
  });

  it("does not move EPLB", () => {
    const times = decisions(BALANCE_POLICIES.eplb).map(({ nowMs }) => nowMs);
    expect(times).toEqual([1000, 2000, 3000, 4000, 5000, 6000, 7000]);
  });
});

describe("no redundancy", () => {
  it("has one slot for every expert and never changes", () => {
    const none = balancer(BALANCE_POLICIES.none);
    expect(none.current.placement.physicalToLogical.length).toBe(SMALL_MOE_LAYERS * experts);
    for (let nowMs = 100; nowMs <= 5000; nowMs += 100) {
      none.observe(skewed, 100);
      expect(none.decide(nowMs)).toBeNull();
    }
  });
});

describe("EPLB", () => {
  it("re-places at every interval, whatever it moves or wins, and never in between", () => {
    const eplb = balancer(BALANCE_POLICIES.eplb);
    let losses = 0;
    for (let nowMs = 100; nowMs <= 20_000; nowMs += 100) {
      const noise = () => Math.exp(0.1 * rng.normal());
      eplb.observe({ ...skewed, tokens: skewed.tokens.map((tokens) => tokens * noise()) }, 100);
      const decision = eplb.decide(nowMs);
      if (nowMs % 1000 !== 0) {
        expect(decision).toBeNull();
        continue;
      }
      const { kind, reason, plan } = made(decision);
      expect(kind).toBe("placement");
      const [before, after] = [...reason.matchAll(/\d\.\d{3}/g)].map(Number);
      if (after < before) losses++;
      eplb.accept(plan);
    }
    expect(losses).toBeGreaterThan(0);
  });

  it("splits every expert evenly", () => {
    const eplb = balancer(BALANCE_POLICIES.eplb);
    eplb.observe(skewed, 1000);
    const { placement, replicas, shares } = made(eplb.decide(1000)).plan;
    const width = placement.physicalToLogical.length / SMALL_MOE_LAYERS;
    for (let i = 0; i < placement.physicalToLogical.length; i++) {
      const row = Math.floor(i / width) * experts + placement.physicalToLogical[i];
      expect(shares.values[i] * (replicas.offsets[row + 1] - replicas.offsets[row])).toBeCloseTo(1, 12);
    }
  });
});

describe("what is handed on", () => {
  it("lets a new leader plan as the one before would have", () => {
    const before = balancer(BALANCE_POLICIES.plimsoll);
    before.observe(skewed, 1000);
    const after = balancer(BALANCE_POLICIES.plimsoll);
    after.learn(before.forecast());
    const { tokens } = after.forecast();
    for (const [i, rate] of before.forecast().tokens.entries()) expect(tokens[i] / rate).toBeCloseTo(1, 9);
    after.accept(made(after.decide(1000)).plan);
    before.accept(made(before.decide(1000)).plan);
    expect(predicted(after, skewed)).toBeCloseTo(predicted(before, skewed), 2);
  });

  it("says nothing where the one before knew nothing", () => {
    const after = balancer(BALANCE_POLICIES.plimsoll);
    after.learn(balancer(BALANCE_POLICIES.plimsoll).forecast());
    expect(after.decide(1e6)).toBeNull();
  });
});

describe("a decision's explanation", () => {
  it("names the hottest experts, and what each candidate would gain and has to", () => {
    const subject = balancer(BALANCE_POLICIES.plimsoll);
    subject.observe(skewed, 1000);
    const taken = made(subject.decide(1000));
    const { load: summary, inForce, candidates, verdict } = taken.explanation;
    const hottest = Math.max(
      ...Array.from({ length: SMALL_MOE_LAYERS }, (_, layer) => {
        const row = skewed.tokens.subarray(layer * experts, (layer + 1) * experts);
        return (Math.max(...row) * experts) / row.reduce((sum, n) => sum + n, 0);
      }),
    );
    expect(summary.hottest[0].timesMean).toBeCloseTo(hottest, 9);
    expect(verdict).toBe("taken");
    const best = candidates.reduce((a, b) => (b.gain - b.neededGain > a.gain - a.neededGain ? b : a));
    expect(best.gain).toBeGreaterThan(best.neededGain);
    expect(best.movedSlots).toBe(taken.moves.slots);
    expect(best.balancedness).toBeGreaterThan(inForce.balancedness);

    subject.accept(taken.plan);
    const kept = made(subject.replan(fullCapacity(SMALL_TOPOLOGY)));
    expect(kept.explanation.verdict).toBe("not worth its moves");
    for (const { gain, neededGain, movedSlots } of kept.explanation.candidates)
      expect(movedSlots === 0 || gain < neededGain).toBe(true);
    expect(structuredClone(kept.explanation)).toEqual(JSON.parse(JSON.stringify(kept.explanation)));
  });
});
