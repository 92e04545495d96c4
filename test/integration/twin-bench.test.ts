import { describe, expect, it } from "vitest";
import { aimMet } from "../../loadtest/bench/bench-table.ts";
import type { Bench } from "../../loadtest/bench/bench.ts";
import { type TwinCase } from "../../loadtest/bench/twin/cases.ts";
import { determinismTable } from "../../loadtest/bench/twin/determinism.ts";
import { errorsTable } from "../../loadtest/bench/twin/errors.ts";
import { movesTable } from "../../loadtest/bench/twin/moves.ts";
import { speedTable } from "../../loadtest/bench/twin/speed.ts";
import { azureConversation } from "../../src/twin/traffic.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";

const cases: readonly TwinCase[] = [{ name: "chat", traffic: (rng) => azureConversation(rng, 200) }];
const topology = SMALL_TOPOLOGY;
const bench = { input: { model: SMALL_MODEL }, seed: 1, progress: () => {} } as unknown as Bench;

describe("the twin's benchmark", () => {
  it("hashes runs of one seed twice, and of another", () => {
    const { rows, aims } = determinismTable(bench, { cases, topology, durationMs: 60 });
    expect(rows).toHaveLength(3);
    expect(aims.every(aimMet)).toBe(true);
  });

  it("relates virtual time to the processor's", () => {
    const seconds = { exact: 0.05, sampled: 0.05, analytic: 0.05 };
    const { rows } = speedTable(bench, { cases, topology, seconds });
    for (const [, , virtual, cpu, ratio] of rows) {
      expect(Number(ratio)).toBeCloseTo(Number(virtual) / Number(cpu), 6);
    }
  });

  it("has every policy's differences, their medians and the most", () => {
    const cadence = { sharesMs: 20, placementMs: 40 };
    const { rows } = errorsTable(bench, { cases, topology, durationMs: 80, cadence });
    expect(rows).toHaveLength(2 * 3 * 2 + 4);
    const [, , , , ...most] = rows[rows.length - 1];
    const analytic = rows.filter(([, policy, , fidelity]) => policy !== "" && fidelity === "analytic");
    for (const [i, value] of most.entries()) {
      expect(value).toBe(Math.max(...analytic.map((row) => Math.abs(Number(row[4 + i])))));
    }
  });

  it("holds what each way of balancing moves beside what comes of it", () => {
    const cadence = { sharesMs: 20, placementMs: 40 };
    const faults = [{ pool: "pool", rank: 1, atMs: 70, noticedMs: 10, forMs: 50 }];
    const runs = [
      { name: "drift", cadence, durationMs: 100 },
      { name: "a rank lost, and back", cadence, durationMs: 130, faults },
    ];
    const { rows, aims } = movesTable(bench, { cases: runs, topology, beyond: 60_000 });
    expect(rows).toHaveLength(2 * 3);
    expect(aims).toHaveLength(2 * 3);
    const moved = rows.map((row) => Number(row[7]));
    // No redundancy has nothing to move until a rank takes experts with it.
    expect(moved[0]).toBe(0);
    expect(moved[3]).toBeGreaterThan(0);
    for (const run of [0, 3]) {
      expect(moved[run + 2]).toBeGreaterThan(0);
      expect(moved[run + 2]).toBeLessThan(moved[run + 1]);
    }
    expect(aims[2].measured).toBe(moved[2] / moved[1]);
  });
});
