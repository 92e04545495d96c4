import { describe, expect, it } from "vitest";
import { ServerReadiness } from "../../src/serving/health/server-readiness.ts";
import { HEALTH } from "../watched-pool.ts";

/** Three failed probes in a row, two good ones; an answer is late after 400 ms. */
const { probe } = HEALTH;

/** One that has shown at time 0 that it serves. */
function known(): ServerReadiness {
  const readiness = new ServerReadiness(probe);
  readiness.good();
  return readiness;
}

function times(count: number, act: () => void): void {
  for (let i = 0; i < count; i++) act();
}

describe("a server's readiness", () => {
  it("is taken for given until it is asked", () => {
    const { state, known: shown } = new ServerReadiness(probe);
    expect([state, shown]).toEqual(["ready", false]);
  });

  it("is late after probes in a row without an answer, and ready again at the first answer", () => {
    const server = known();
    times(2, () => server.silent(0, 0 + probe.lateMs));
    server.good();
    times(2, () => server.silent(0, 0 + probe.lateMs));
    expect(server.state).toBe("ready");
    server.silent(0, 0 + probe.lateMs);
    expect(server.state).toBe("late");
    expect(server.good()).toBe(false);
    expect(server.state).toBe("ready");
  });

  it("is late at once when it has never answered", () => {
    const server = new ServerReadiness(probe);
    server.silent(0, 0 + probe.lateMs);
    expect([server.state, server.known]).toEqual(["late", false]);
  });

  it("is proven by what came from it while a probe waited, and by nothing that came before", () => {
    const server = known();
    server.alive(500);
    times(9, () => server.silent(500, 500 + probe.lateMs));
    expect(server.state).toBe("ready");
    times(3, () => server.silent(501, 501 + probe.lateMs));
    expect(server.state).toBe("late");
  });

  it("comes back from lateness by traffic", () => {
    const server = known();
    times(3, () => server.silent(0, 0 + probe.lateMs));
    server.alive(1);
    expect(server.state).toBe("ready");
  });

  it("ends at once when the server says that it cannot serve, and comes back after good answers in a row", () => {
    const server = known();
    server.unready(10, 11);
    expect(server.state).toBe("unready");
    server.alive(12);
    expect(server.state).toBe("unready");
    expect([server.good(), server.state]).toEqual([false, "unready"]);
    expect([server.good(), server.state]).toEqual([true, "ready"]);
  });

  it("ends by that only after probes in a row when requests were answered meanwhile", () => {
    const server = known();
    server.alive(10);
    times(2, () => server.unready(10, 11));
    expect(server.state).toBe("ready");
    server.unready(10, 11);
    expect(server.state).toBe("unready");
  });

  it("is late, not over, when it took a long time to say so", () => {
    const server = known();
    server.unready(0, probe.lateMs);
    expect(server.state).toBe("ready");
    times(2, () => server.unready(0, probe.lateMs));
    expect(server.state).toBe("late");
  });

  it("ends when nothing at all has come from it for long, until something does", () => {
    const server = known();
    const silence = (untilMs: number) => {
      for (let now = 1000; now <= untilMs; now += 1000) server.silent(now - 400, now);
    };
    silence(60_000);
    expect(server.state).toBe("late");
    server.silent(60_700, 60_700);
    expect(server.state).toBe("unready");
    // It was never gone: one answer is enough, and its caches are what they were.
    expect([server.good(), server.state]).toEqual([false, "ready"]);
    silence(60_000);
    server.silent(60_700, 60_700);
    expect(server.state).toBe("unready");
    server.alive(61_000);
    expect(server.state).toBe("ready");
  });

  it("does not end by that while late refusals come, as from a busy SGLang", () => {
    const server = known();
    for (let now = 1000; now <= 200_000; now += 20_000) {
      server.silent(now, now + 500);
      server.unready(now, now + 20_000);
    }
    expect(server.state).toBe("late");
  });

  it("ends when nobody takes connections: at once where nobody ever did, else after probes in a row", () => {
    const fresh = new ServerReadiness(probe);
    fresh.nobodyThere();
    expect(fresh.state).toBe("unready");
    const server = known();
    server.alive(5);
    times(2, () => server.nobodyThere());
    expect(server.state).toBe("ready");
    server.nobodyThere();
    expect(server.state).toBe("unready");
  });

  it("ends for a late server, too, when nobody takes connections any more", () => {
    const server = known();
    times(3, () => server.silent(0, 0 + probe.lateMs));
    server.nobodyThere();
    expect(server.state).toBe("unready");
  });
});
