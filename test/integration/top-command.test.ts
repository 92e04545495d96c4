import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardGateway } from "../../harness/fakes/dashboard-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";
import { resultHere } from "../run-here.ts";
import { BESIDE } from "../unit/pool-report-fixture.ts";
import { decision } from "../unit/pool-state-fixture.ts";

let gateway: DashboardGateway;
let url: string;
beforeAll(async () => {
  gateway = new DashboardGateway({
    pool: "chat",
    nodes: 2,
    gpusPerNode: 4,
    slotsPerGpu: 2,
    layers: 2,
    experts: 12,
  });
  const engine = {
    name: "vllm 0.32.0",
    step: 1,
    rebalances: 12,
    rebalanceEvery: 3000,
    stepsSinceRebalance: 1200,
    dispatch: "even",
    balancedness: 0.625,
    ranks: 8,
    windowMs: 10_000,
    measuredAtMs: Date.now(),
    faults: [{ kind: "map", ranks: [3], sinceMs: 0, text: "rank 3 has another map of experts" }],
  };
  gateway.state = { lost: [{ rank: 5, how: "silent" }], engine };
  gateway.beside = BESIDE;
  gateway.decisions = [
    decision({
      id: 1,
      reason: "re-placed: it\u001b[2J pays",
      stages: { done: 1, of: 2 },
      state: "under way",
    }),
  ];
  url = await gateway.listen();
});
afterAll(() => gateway[Symbol.asyncDispose]());

test("one look has the status, the GPUs, the one that steps wait for and the last decisions", async () => {
  const { code, stdout } = await resultHere("top", url, "--once");
  expect(code).toBe(0);
  expect(stdout).toContain("chat (made-up)");
  expect(stdout).toContain("1 of 8 ranks lost: 5 (silent).");
  expect(stdout).toMatch(/│ GPUs +│ [▁-█]{4} [▁-█]x[▁-█]{2} /);
  expect(stdout).toMatch(/× the mean over all layers · /);
  expect(stdout).toContain("stage 1 of 2");
  const said = stdout.replaceAll(/[\s│]+/g, " ");
  expect(said).toMatch(
    /Engine vllm 0\.32\.0: balancedness 0\.625 as it dispatches \(even\), \d+ s ago; 0\.\d+ by/,
  );
  expect(said).toMatch(/the last 1,200 steps ago; .* Faults: map \(rank 3\) since \d\d:/);
  expect(said).toContain(
    "EPLB, even shares, worked out: balancedness 0.720, fullest GPU 1.05 ×, 70,000 slots",
  );
  expect(said).toContain("Steps wait 20.0 % less for the fullest GPU than by EPLB");
  for (const line of stdout.split("\n")) expect([line, line.length <= 80]).toEqual([line, true]);
});

test("--json has the same as figures", async () => {
  const { code, stdout } = await resultHere("top", `${url}#chat`, "--json");
  const figures = JSON.parse(stdout) as { balancedness: number; stepFactor: number; room: number };
  expect([code, figures]).toMatchObject([
    0,
    {
      pool: "chat",
      hopsPerToken: 3,
      alarms: [expect.anything(), expect.stringContaining("map of experts")],
      beside: BESIDE,
      engine: { engine: 0.625, published: figures.balancedness },
    },
  ]);
  expect(figures.stepFactor).toBeCloseTo(1 / figures.balancedness, 9);
  expect(figures.room).toBeCloseTo(1.25 / figures.stepFactor - 1, 9);
});

test("a pool that is not there, a gateway that is not, and what is no gateway are one line", async () => {
  const missing = await resultHere("top", `${url}#other`, "--once");
  expect(missing.code).toBe(2);
  expect(missing.stderr).toBe("url: #other is no pool there; expected one of chat\n");
  const dead = await resultHere("top", await deadUrl(), "--once");
  expect([dead.code, dead.stderr.trim().split("\n").length]).toEqual([2, 1]);
  expect(dead.stderr).toContain("cannot be reached (ECONNREFUSED)");
  const wrong = await resultHere("top", "chat", "--once");
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/^url: is no URL; expected a gateway's URL/),
  ]);
});
