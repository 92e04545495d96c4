import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { EngineUnreachable } from "../../src/serving/engine.ts";
import { patiently } from "../patiently.ts";
import { HEALTH, WatchedPool, WELL } from "../watched-pool.ts";

const noLoad = { ready: true, load: null, lack: "GET /v1/loads answered 404" };
const loading = { ready: false, load: null, lack: "it loads its model" };

describe("probes", () => {
  it("make a shard unready after failures in a row, and ready after as many good ones", () => {
    const pool = new WatchedPool(2);
    const { states, notices, restarted } = pool;
    const seen = (act: () => void) => {
      act();
      return states.ready[0];
    };
    const bad = () => pool.refused(0);
    const good = () => pool.probed(0, WELL);
    expect([good, bad, bad, good, bad, bad, bad, bad, good, bad, good, good].map(seen)).toEqual([
      1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1,
    ]);
    expect(notices).toEqual([
      "pool p: http://s0 is not ready (nobody takes connections there: ECONNREFUSED)",
      "pool p: http://s0 is ready and reports its load",
    ]);
    expect(restarted).toEqual([0]);
  });

  it("make a shard that never answered unready at once, and ready at its first answer", () => {
    const pool = new WatchedPool(1);
    const { states } = pool;
    expect(states.ready[0]).toBe(1);
    pool.refused(0);
    expect(states.ready[0]).toBe(0);
    pool.probed(0, WELL);
    expect(states.ready[0]).toBe(1);
  });

  it("believe a shard at once that says it cannot serve", () => {
    const pool = new WatchedPool(1);
    pool.probed(0, WELL);
    pool.probed(0, loading);
    expect([pool.states.ready[0], pool.health.view(0).lack]).toEqual([0, "it loads its model"]);
  });

  it("hand on the load, and say once that there is none", () => {
    const pool = new WatchedPool(1);
    const { health, states, notices } = pool;
    pool.probed(0, WELL);
    expect([states.requestsNow(0), states.waitingNow(0), states.kvUse[0]]).toEqual([3, 2, 0.5]);
    for (let i = 0; i < 3; i++) pool.probed(0, noLoad);
    expect(states.requestsNow(0)).toBe(0);
    expect(notices).toEqual([
      "pool p: http://s0 reports no load (GET /v1/loads answered 404); routed by what is in flight here",
    ]);
    expect(health.view(0)).toMatchObject({ ready: true, lack: "GET /v1/loads answered 404" });
  });

  it("keep requests from a rank that its server does not have", () => {
    const pool = new WatchedPool(2);
    const lack = "GET /v1/loads lists no rank 0, only 1";
    pool.health.news(pool.servers[0], { kind: "loads", loads: [{ serves: false, load: null, lack }] });
    pool.probed(0, { ...WELL, load: null });
    expect([...pool.states.ready]).toEqual([1, 1]);
    pool.health.news(pool.servers[0], { kind: "loads", loads: [{ serves: false, load: null, lack }] });
    expect([...pool.states.ready]).toEqual([0, 1]);
    expect(pool.health.view(0).lack).toBe(lack);
  });

  it("are made again and again, one at a time per server, and given up when late", async () => {
    const settings = { ...HEALTH, probe: { ...HEALTH.probe, intervalMs: 2, timeoutMs: 30 } };
    const pool = new WatchedPool(2, settings);
    const under = [0, 0];
    const asked = [0, 0];
    let most = 0;
    pool.answer = async (server, signal) => {
      asked[server]++;
      most = Math.max(most, ++under[server]);
      try {
        if (server === 0) return WELL;
        return await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
      } finally {
        under[server]--;
      }
    };
    await pool.health.start();
    expect([...pool.states.ready]).toEqual([1, 0]);
    expect(pool.health.view(1).lack).toBe("no answer within 30 ms");
    await expect.poll(() => Math.min(...asked), patiently).toBeGreaterThan(3);
    await pool.health.stop();
    expect([most, ...under]).toEqual([1, 0, 0]);
    const after = [...asked];
    await nextTurn();
    expect(asked).toEqual(after);
  });
});

describe("slow servers", () => {
  /** Servers that have answered once. */
  const watched = (servers: number, settings = HEALTH) => {
    const pool = new WatchedPool(servers, settings);
    for (let i = 0; i < servers; i++) pool.probed(i, WELL);
    return pool;
  };
  const late = (pool: WatchedPool, ...servers: number[]) => {
    for (const server of servers) for (let i = 0; i < 3; i++) pool.silent(server);
  };

  it("are left out while others answer in time, and come back with their memory", () => {
    const pool = watched(3);
    late(pool, 1);
    expect([...pool.states.ready]).toEqual([1, 0, 1]);
    pool.probed(1, WELL);
    expect([...pool.states.ready]).toEqual([1, 1, 1]);
    expect([pool.restarted, pool.states.weight[1]]).toEqual([[], 1]);
  });

  it("are sent requests all the same when all are late, and none that refuse", () => {
    const pool = watched(4);
    pool.refused(3);
    pool.refused(3);
    pool.refused(3);
    pool.probed(2, loading);
    late(pool, 0);
    expect([...pool.states.ready]).toEqual([0, 1, 0, 0]);
    late(pool, 1);
    expect([...pool.states.ready]).toEqual([1, 1, 0, 0]);
    expect(pool.health.lack).toBe(null);
    pool.probed(1, WELL);
    expect([...pool.states.ready]).toEqual([0, 1, 0, 0]);
    expect(pool.notices.filter((line) => line.includes("only late"))).toHaveLength(1);
  });

  it("are sent none, though no other is left, once they hang, until they answer again", () => {
    const pool = watched(1);
    late(pool, 0);
    expect([[...pool.states.ready], pool.health.lack]).toEqual([[1], null]);
    pool.tickAt(HEALTH.probe.hungMs);
    pool.silent(0);
    expect([[...pool.states.ready], pool.health.lack]).toEqual([[0], "no answer within 400 ms"]);
    pool.probed(0, WELL);
    expect([[...pool.states.ready], pool.restarted]).toEqual([[1], []]);
  });

  it("are sent requests when too few others are left", () => {
    const pool = watched(4, { ...HEALTH, panicPercent: 50 });
    late(pool, 0, 1);
    expect([...pool.states.ready]).toEqual([0, 0, 1, 1]);
    late(pool, 2);
    expect([...pool.states.ready]).toEqual([1, 1, 1, 1]);
  });

  it("are ready while requests to them are answered, here or by other processes", () => {
    for (const answered of [
      (pool: WatchedPool) => pool.succeed(0),
      (pool: WatchedPool) => pool.health.received({ shard: 0, firstByteMs: 5, failure: null }),
      (pool: WatchedPool) => pool.health.received({ shard: 0, alive: true }),
    ]) {
      const pool = watched(2);
      late(pool, 0);
      expect(pool.states.ready[0]).toBe(0);
      answered(pool);
      expect(pool.states.ready[0]).toBe(1);
      late(pool, 0);
      expect(pool.states.ready[0]).toBe(1);
    }
  });

  it("are ready while streams from them flow, which is reported to other processes", () => {
    const pool = watched(2);
    late(pool, 0);
    for (let ms = 100; ms <= 2000; ms += 100) {
      pool.received[0]++;
      pool.tickAt(ms);
      pool.silent(0, 150);
      expect(pool.states.ready[0]).toBe(1);
    }
    expect(pool.outcomes).toEqual([
      { shard: 0, alive: true },
      { shard: 0, alive: true },
    ]);
    pool.tickAt(3000);
    late(pool, 0);
    expect(pool.states.ready[0]).toBe(0);
  });

  it("do not make a pool ready of which nobody ever answered", () => {
    const pool = new WatchedPool(1);
    expect(pool.health.lack).toBe("no answer to a probe yet");
    pool.silent(0);
    expect([pool.states.ready[0], pool.health.lack]).toEqual([1, "no answer within 400 ms"]);
    pool.probed(0, loading);
    expect([pool.states.ready[0], pool.health.lack]).toEqual([0, "it loads its model"]);
    pool.probed(0, WELL);
    expect(pool.health.lack).toBe(null);
  });
});

describe("the questions", () => {
  it("do not wait for each other, and what hangs costs only itself", async () => {
    const settings = { ...HEALTH, probe: { ...HEALTH.probe, intervalMs: 2, timeoutMs: 30 } };
    const pool = new WatchedPool(1, settings);
    let asked = 0;
    pool.answer = async () => {
      asked++;
      return WELL;
    };
    pool.loads = () => new Promise(() => {});
    pool.cards = () => new Promise(() => {});
    void pool.health.start();
    await expect.poll(() => asked, patiently).toBeGreaterThan(3);
    expect([...pool.states.ready]).toEqual([1]);
    await pool.health.stop();
  });

  it("call a server late long before they give it up", async () => {
    const settings = { ...HEALTH, probe: { ...HEALTH.probe, intervalMs: 5, lateMs: 5, timeoutMs: 300_000 } };
    const pool = new WatchedPool(2, settings);
    pool.probed(1, WELL);
    const answers: (() => void)[] = [];
    pool.answer = (server) =>
      server === 0
        ? Promise.resolve(WELL)
        : new Promise((resolve) => {
            answers.push(() => resolve(WELL));
          });
    void pool.health.start();
    await expect.poll(() => [...pool.states.ready], patiently).toEqual([1, 0]);
    expect([answers.length, pool.health.view(1).lack]).toEqual([1, "no answer within 5 ms"]);
    answers[0]();
    await expect.poll(() => answers.length, patiently).toBe(2);
    await pool.health.stop();
  });

  it("find a server at once that is gone", async () => {
    const settings = { ...HEALTH, probe: { ...HEALTH.probe, intervalMs: 300_000, timeoutMs: 30_000 } };
    const pool = new WatchedPool(1, settings);
    pool.probed(0, WELL);
    pool.answer = async () => {
      throw new EngineUnreachable("http://s0", "is gone", { nobodyThere: true });
    };
    await pool.health.start();
    await expect.poll(() => pool.states.ready[0], patiently).toBe(0);
    await pool.health.stop();
  });

  it("for the load leave what was reported until several were lost", async () => {
    const settings = { ...HEALTH, probe: { ...HEALTH.probe, intervalMs: 2 } };
    const pool = new WatchedPool(1, settings);
    let lost = 0;
    pool.loads = async () => {
      if (lost === 0) return [{ serves: true, load: WELL.load, lack: null }];
      lost++;
      throw new EngineUnreachable("http://s0", "is gone");
    };
    await pool.health.start();
    expect(pool.states.requestsNow(0)).toBe(3);
    lost = 1;
    await expect
      .poll(() => pool.health.view(0).lack, patiently)
      .toBe("asked for its load: http://s0 is gone.");
    expect(lost).toBeGreaterThanOrEqual(1 + HEALTH.probe.unhealthyAfter);
    expect([pool.states.ready[0], pool.states.requestsNow(0)]).toEqual([1, 0]);
    await pool.health.stop();
  });
});

describe("a circuit", () => {
  it("keeps requests away, lets one trial through, and starts the shard slowly", () => {
    const pool = new WatchedPool(3);
    pool.fail(1, 3);
    expect([pool.admitting, pool.health.view(1).circuit]).toEqual([[1, 0, 1], "open"]);
    pool.tickAt(1000);
    expect([pool.admitting, pool.health.view(1).circuit]).toEqual([[1, 1, 1], "half-open"]);
    pool.health.began(1);
    expect(pool.admitting).toEqual([1, 0, 1]);
    pool.health.cancelled(1);
    expect(pool.admitting).toEqual([1, 1, 1]);
    pool.succeed(1);
    expect([pool.admitting, pool.health.view(1).circuit, pool.states.weight[1]]).toEqual([
      [1, 1, 1],
      "closed",
      0.1,
    ]);
    pool.tickAt(6000);
    expect(pool.states.weight[1]).toBeCloseTo(0.55);
    pool.tickAt(11_000);
    expect([...pool.states.weight]).toEqual([1, 1, 1]);
    expect(pool.restarted).toEqual([1]);
    expect(pool.notices[0]).toMatch(/^pool p: p\/s1 gets no requests for \d\.\d s: they fail \(connect\)$/);
    expect(pool.notices[1]).toBe("pool p: p/s1 serves again");
  });

  it("does not open again by what went before it closed", () => {
    const pool = new WatchedPool(3);
    pool.succeed(0, 10);
    pool.fail(0, 3);
    pool.tickAt(1000);
    pool.succeed(0);
    pool.fail(0, 2);
    expect(pool.health.view(0).circuit).toBe("closed");
  });

  it("is ignored when none of the ready shards would admit", () => {
    const pool = new WatchedPool(3);
    pool.probed(2, loading);
    pool.fail(0, 3);
    expect(pool.admitting).toEqual([0, 1, 1]);
    pool.fail(1, 3);
    expect([pool.admitting[0], pool.admitting[1]]).toEqual([1, 1]);
    expect(pool.health.view(0).circuit).toBe("open");
  });

  it("is ignored when too few of the ready shards would admit", () => {
    const pool = new WatchedPool(4, { ...HEALTH, panicPercent: 50 });
    pool.fail(0, 3);
    pool.fail(1, 3);
    expect(pool.admitting).toEqual([0, 0, 1, 1]);
    pool.fail(2, 3);
    expect(pool.admitting).toEqual([1, 1, 1, 1]);
  });
});

describe("a shard that stands out", () => {
  /** Two of five requests fail, never three in a row. */
  const failSome = (pool: WatchedPool, shard: number) => {
    for (let i = 0; i < 4; i++) {
      pool.succeed(shard, 3);
      pool.fail(shard, 2);
    }
  };

  it("by its failures is ejected, and for longer when it happens again", () => {
    const pool = new WatchedPool(4);
    const round = (ms: number) => {
      for (const shard of [0, 1, 2]) pool.succeed(shard, 20);
      failSome(pool, 3);
      pool.tickAt(ms);
    };
    round(5000);
    expect([pool.admitting, pool.health.view(3).ejectedForMs]).toEqual([[1, 1, 1, 0], 10_000]);
    expect(pool.notices).toEqual(["pool p: p/s3 gets no requests for 10 s: 40 % of its requests failed"]);
    pool.tickAt(15_000);
    expect([pool.admitting, pool.states.weight[3]]).toEqual([[1, 1, 1, 1], 0.1]);
    round(20_000);
    expect(pool.health.view(3).ejectedForMs).toBe(20_000);
  });

  it("by its time to the first byte is ejected", () => {
    const pool = new WatchedPool(4);
    for (const [shard, ms] of [200, 220, 240, 1500].entries()) pool.succeed(shard, 20, ms);
    pool.tickAt(5000);
    expect(pool.admitting).toEqual([1, 1, 1, 0]);
  });

  it("stays when its pool is as slow, or it is quick enough anyway", () => {
    const pool = new WatchedPool(4);
    for (const [shard, ms] of [1500, 1600, 1400, 2000].entries()) pool.succeed(shard, 20, ms);
    pool.tickAt(5000);
    for (let shard = 0; shard < 4; shard++) pool.succeed(shard, 100, shard === 0 ? 490 : 10);
    pool.tickAt(16_000);
    expect(pool.admitting).toEqual([1, 1, 1, 1]);
  });

  it("stays when others do too, beyond the most that may be ejected", () => {
    const pool = new WatchedPool(7);
    for (const shard of [0, 1, 2, 3]) pool.succeed(shard, 20);
    for (const shard of [4, 5, 6]) failSome(pool, shard);
    pool.tickAt(5000);
    expect(pool.admitting.filter((admits) => admits === 0)).toHaveLength(2);
  });

  it("cannot be told from a pool of two, nor by a few requests", () => {
    const two = new WatchedPool(2);
    two.succeed(0, 20);
    failSome(two, 1);
    two.tickAt(5000);
    const few = new WatchedPool(4);
    for (const shard of [0, 1, 2]) few.succeed(shard, 20);
    few.succeed(3, 4);
    few.fail(3, 2);
    few.tickAt(5000);
    expect([two.admitting, few.admitting]).toEqual([
      [1, 1],
      [1, 1, 1, 1],
    ]);
  });
});
