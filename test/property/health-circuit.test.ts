import fc from "fast-check";
import { expect, it } from "vitest";
import { HEALTH, WatchedPool } from "../watched-pool.ts";
import { runs } from "../runs.ts";

type Event = "began" | "succeeded" | "failed" | "cancelled" | 10 | 600 | 4000;

const PARAMETERS = { seed: 52, numRuns: runs(200) };
const events = fc.array(
  fc.constantFrom<Event>("began", "succeeded", "failed", "failed", "cancelled", 10, 600, 4000),
  { maxLength: 100 },
);

/** Only failures in a row open a circuit here; what its states should be follows from the events alone. */
class Model {
  state = "closed";
  inRow = 0;
  trial = false;
  openings = 0;
  /** Since it opened, or since the trial began. */
  elapsedMs = 0;
  openMs = 0;

  began(): void {
    if (this.state !== "half-open" || this.trial) return;
    this.trial = true;
    this.elapsedMs = 0;
  }

  succeeded(): void {
    this.inRow = 0;
    if (!this.trial) return;
    this.state = "closed";
    this.trial = false;
    this.openings = 0;
  }

  /** @param openMs how long the real one opened */
  failed(openMs: number): void {
    this.inRow++;
    const opens = this.state === "closed" ? this.inRow === HEALTH.circuit.consecutiveFailures : this.trial;
    if (!opens) return;
    const longest = Math.min(HEALTH.circuit.maxOpenMs, HEALTH.circuit.openMs * 2 ** this.openings);
    expect(openMs).toBeGreaterThanOrEqual(longest / 2);
    expect(openMs).toBeLessThanOrEqual(longest);
    Object.assign(this, { state: "open", trial: false, inRow: 0, elapsedMs: 0, openMs });
    this.openings++;
  }

  passed(ms: number): void {
    this.elapsedMs += ms;
    if (this.state === "closed" || this.elapsedMs < this.openMs) return;
    if (this.state === "open" || this.trial) Object.assign(this, { state: "half-open", trial: false });
  }
}

it("goes through its states as its model does", () => {
  const settings = {
    ...HEALTH,
    circuit: { ...HEALTH.circuit, minRequests: 1e6 },
    outlier: { ...HEALTH.outlier, minRequests: 1e6 },
  };
  fc.assert(
    fc.property(events, (list) => {
      const pool = new WatchedPool(2, settings);
      const model = new Model();
      for (const event of list) {
        if (event === "began") {
          pool.health.began(0);
          model.began();
        } else if (event === "succeeded") {
          pool.health.succeeded(0, 1);
          model.succeeded();
        } else if (event === "failed") {
          pool.health.failed(0, "reset");
          model.failed(pool.health.view(0).openForMs);
        } else if (event === "cancelled") {
          pool.health.cancelled(0);
          model.trial = false;
        } else {
          pool.tickAt(pool.clock.ms + event);
          model.passed(event);
        }
        expect(pool.health.view(0).circuit).toBe(model.state);
        const admits = model.state === "closed" || (model.state === "half-open" && !model.trial);
        expect(pool.admitting).toEqual([admits ? 1 : 0, 1]);
      }
    }),
    PARAMETERS,
  );
});

it("never shuts out all of the shards that are ready, and lets every one back in when nothing fails", () => {
  const event = fc.record({
    shard: fc.nat({ max: 3 }),
    what: fc.constantFrom("succeeded", "failed", "cancelled"),
    ms: fc.constantFrom(0, 50, 2000),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150 }), (list) => {
      const pool = new WatchedPool(4);
      for (const { shard, what, ms } of list) {
        pool.tickAt(pool.clock.ms + ms);
        if (pool.states.admitting[shard] === 0) continue;
        pool.health.began(shard);
        if (what === "succeeded") pool.health.succeeded(shard, 5);
        else if (what === "failed") pool.health.failed(shard, "timeout");
        else pool.health.cancelled(shard);
        expect(pool.admitting).toContain(1);
      }
      pool.tickAt(pool.clock.ms + HEALTH.outlier.maxEjectMs);
      for (let shard = 0; shard < 4; shard++) pool.succeed(shard);
      pool.tickAt(pool.clock.ms + HEALTH.slowStart.durationMs);
      for (let shard = 0; shard < 4; shard++) {
        expect(pool.health.view(shard)).toMatchObject({ circuit: "closed", ejectedForMs: 0, weight: 1 });
      }
    }),
    PARAMETERS,
  );
});
