import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { aimMet } from "../../loadtest/bench/bench-table.ts";
import type { Cell } from "../../loadtest/bench/gateway/cells.ts";
import { direct } from "../../loadtest/bench/gateway/direct.ts";
import { runGatewayBench } from "../../loadtest/bench/gateway/gateway-bench.ts";
import { gatewayTables } from "../../loadtest/bench/gateway/gateway-tables.ts";
import type { LoadFigures } from "../../loadtest/bench/gateway/load.ts";
import { LoadRun } from "../../loadtest/bench/gateway/load-run.ts";
import { Measurements } from "../../loadtest/bench/gateway/measurements.ts";
import { plimsoll } from "../../loadtest/bench/gateway/plimsoll.ts";
import { requestBodies } from "../../loadtest/bench/gateway/request-bodies.ts";
import { NotInstalled, type Router } from "../../loadtest/bench/gateway/router.ts";

const CLOSED = { concurrency: 4, bodyBytes: 200, perSecond: null, newcomers: 0 };
const WHOLE: Cell = { ...CLOSED, manner: { kind: "whole" }, everyone: false };
const PACED: Cell = { ...CLOSED, manner: { kind: "paced", ms: 1, phase: "spread" }, everyone: true };
const STEPS: Cell = { ...PACED, manner: { kind: "paced", ms: 2, phase: "steps" } };
const OFFERED: Cell = { ...WHOLE, perSecond: 200 };
const CROWD: Cell = { ...WHOLE, newcomers: 8 };

const missing: Router = {
  name: "missing",
  everywhere: true,
  start: () => Promise.reject(new NotInstalled("it is nowhere")),
};

/** A load on a server that does this with every request. */
async function loadOn(respond: (socket: Socket) => void): Promise<LoadFigures> {
  const server = createServer((socket) => {
    socket.on("data", () => respond(socket));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const order = {
    servers: [{ host: "127.0.0.1", port }],
    streamed: true,
    concurrency: 2,
    perSecond: null,
    newcomers: 0,
    bodyBytes: 200,
    warmUpMs: 20,
    windowMs: 60,
    pids: [process.pid],
  };
  const figures = await new LoadRun(order).run(() => {});
  server.close();
  return figures;
}

describe("the gateway benchmark in small", () => {
  it("measures routers beside each other and says who is left out", async () => {
    const { measurements, about } = await runGatewayBench({
      routers: [direct, missing, plimsoll(null, null), { ...direct, name: "peer", everywhere: false }],
      cells: [WHOLE, PACED],
      processes: 2,
      repeats: 1,
      windowMs: 200,
      warmUp: { cells: [], windowMs: 0 },
      progress: () => {},
    });
    expect(about).toHaveLength(4);
    expect(about[1]).toBe("missing is left out: it is nowhere");
    const measured = measurements.medians();
    expect(measured.map(({ cell, router }) => [cell, router])).toEqual([
      [WHOLE, "direct"],
      [WHOLE, "plimsoll"],
      [PACED, "direct"],
      [PACED, "plimsoll"],
      [PACED, "peer"],
    ]);
    for (const { cell, router, ...figures } of measured) {
      expect(figures.failure).toBeNull();
      expect(figures.failed).toBe(0);
      expect(figures.ttft.p50).toBeGreaterThan(0);
      expect(figures.framesPerSecond > 0).toBe(cell !== WHOLE);
      expect(figures.itl.p99 === null).toBe(cell === WHOLE);
      expect(figures.residentBytes > 0).toBe(router === "plimsoll");
      if (router === "direct") expect(figures.ttft.addedP99).toBe(0);
      if (cell !== WHOLE) continue;
      expect(figures.requestsPerSecond).toBeGreaterThan(0);
      if (router !== "plimsoll") expect(figures.requestsPerCpuSecond).toBeNull();
      else {
        const perCore = figures.requestsPerSecond / figures.cores;
        // Medians over two processes, each of its own figure.
        expect((figures.requestsPerCpuSecond ?? 0) / perCore).toBeCloseTo(1, 0);
      }
    }
    const tables = gatewayTables(measured);
    expect(Object.keys(tables)).toEqual(["whole", "paced"]);
    expect(tables.paced.rows).toHaveLength(3);
  });

  it("offers requests at a rate, frames in steps, and many connections at once", async () => {
    const { measurements } = await runGatewayBench({
      routers: [direct],
      cells: [OFFERED, STEPS, CROWD],
      processes: 1,
      repeats: 1,
      windowMs: 300,
      warmUp: { cells: [], windowMs: 0 },
      progress: () => {},
    });
    const [offered, steps, crowd] = measurements.medians();
    expect(offered.requestsPerSecond).toBeGreaterThan(100);
    expect(offered.requestsPerSecond).toBeLessThan(250);
    expect(steps.framesPerSecond).toBeGreaterThan(0);
    expect(crowd.lastNewcomerMs).toBeGreaterThan(0);
    expect([offered, steps, crowd].every(({ failed }) => failed === 0)).toBe(true);
    expect(Object.keys(gatewayTables(measurements.medians()))).toEqual(["offered", "paced", "newcomers"]);
  });

  it("counts events, whatever the pieces they arrive in", async () => {
    const event = "data: {}\n\n";
    const body = event.repeat(3);
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`;
    const { requests, frames, failed, cpuSeconds, ttft, itl } = await loadOn((socket) => {
      socket.write(head + body.slice(0, event.length * 2 - 1));
      setImmediate(() => socket.write(body.slice(event.length * 2 - 1)));
    });
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(0);
    // The window may begin and end within an answer of each connection.
    expect(Math.abs(frames - 3 * requests)).toBeLessThanOrEqual(4);
    expect(cpuSeconds).toBeGreaterThanOrEqual(0);
    expect(ttft).not.toBeNull();
    expect(itl).not.toBeNull();
  });

  it("counts answers that are not 200, break off or are no HTTP, and says what the first was", async () => {
    const refused = await loadOn((socket) =>
      socket.write("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"),
    );
    expect(refused.requests).toBe(0);
    expect(refused.failed).toBeGreaterThan(0);
    expect(refused.failure).toBe("HTTP/1.1 503 Service Unavailable");
    const broken = await loadOn((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"));
    expect(broken.requests).toBe(0);
    expect(broken.failure).toBe("connection closed");
    const nonsense = await loadOn((socket) => socket.write("hello\r\n\r\n"));
    expect(nonsense.failure).toBe("connection no HTTP/1.1: hello");
  });

  it("writes bodies of exactly the size asked for, all different, whose prompts share beginnings", () => {
    for (const bytes of [200, 2048]) {
      const bodies = requestBodies(bytes, true);
      expect(new Set(bodies).size).toBe(bodies.length);
      expect(bodies.every((body) => Buffer.byteLength(body) === bytes)).toBe(true);
      const systems = bodies.map((body) => JSON.parse(body).messages[0].content as string);
      expect(new Set(systems).size).toBeLessThan(bodies.length / 8);
    }
  });

  it("takes medians over repeats, and what is added from direct in the same repeat", () => {
    const measurements = new Measurements();
    const figures = (p50: number, requests: number): LoadFigures => ({
      fromUs: 0,
      toUs: 2e6,
      seconds: 2,
      requests,
      frames: 0,
      ttft: {
        count: 1,
        mean: p50,
        std: 0,
        min: p50,
        max: p50,
        p50,
        p75: p50,
        p90: p50,
        p95: p50,
        p99: p50,
        "p99.9": p50,
      },
      itl: null,
      cpuSeconds: 0.5,
      residentBytes: 1,
      lastNewcomerMs: null,
      failed: 0,
      failure: null,
    });
    for (const [base, ours] of [
      [1, 4],
      [5, 6],
      [2, 9],
    ]) {
      measurements.add(WHOLE, "direct", figures(base, 100));
      measurements.add(WHOLE, "plimsoll", figures(ours, 10 * ours));
      measurements.add(WHOLE, "litellm", figures(ours, 3));
    }
    const measured = measurements.medians();
    expect(measured[1]).toMatchObject({ requestsPerSecond: 30, requestsPerCpuSecond: 120, cores: 0.25 });
    expect(measured[1].ttft).toMatchObject({ p50: 6, addedP50: 3 });
    const [aim] = gatewayTables(measured).whole.aims;
    expect(aim.measured).toBeCloseTo(20, 9);
    expect(aimMet(aim)).toBe(true);
  });
});
