import { expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { Circuit } from "../../src/serving/health/circuit.ts";

const SETTINGS = {
  consecutiveFailures: 3,
  failureRatio: 0.5,
  minRequests: 10,
  openMs: 1000,
  maxOpenMs: 3000,
};

function opened(): Circuit {
  const circuit = new Circuit(SETTINGS, new Rng(1));
  for (let i = 1; i <= 3; i++) circuit.failed(0, i, i);
  return circuit;
}

it("opens on failures in a row; a success between breaks the row", () => {
  const circuit = new Circuit(SETTINGS, new Rng(1));
  expect([circuit.failed(0, 1, 1), circuit.failed(0, 2, 2), circuit.succeeded()]).toEqual([
    false,
    false,
    false,
  ]);
  expect([circuit.failed(0, 4, 3), circuit.failed(0, 5, 4), circuit.failed(0, 6, 5)]).toEqual([
    false,
    false,
    true,
  ]);
  expect([circuit.state, circuit.admits]).toEqual(["open", false]);
});

it("opens when too great a part of enough requests failed", () => {
  const circuit = new Circuit(SETTINGS, new Rng(1));
  expect(circuit.failed(0, 9, 8)).toBe(false);
  circuit.succeeded();
  expect(circuit.failed(0, 11, 5)).toBe(false);
  circuit.succeeded();
  expect(circuit.failed(0, 12, 6)).toBe(true);
});

it("lets one trial through at a time, and closes when it succeeds", () => {
  const circuit = opened();
  const openMs = circuit.openForMs(0);
  expect(openMs).toBeGreaterThan(500);
  expect(openMs).toBeLessThanOrEqual(1000);
  circuit.tick(openMs - 1);
  expect(circuit.state).toBe("open");
  circuit.tick(openMs);
  expect([circuit.state, circuit.admits]).toEqual(["half-open", true]);
  circuit.began(openMs);
  expect(circuit.admits).toBe(false);
  expect([circuit.succeeded(), circuit.state, circuit.admits]).toEqual([true, "closed", true]);
});

it("opens for longer after each trial that fails, up to the most", () => {
  const circuit = opened();
  let now = 0;
  for (const longest of [1000, 2000, 3000, 3000]) {
    const openMs = circuit.openForMs(now);
    expect(openMs).toBeGreaterThan(longest / 2);
    expect(openMs).toBeLessThanOrEqual(longest);
    now += openMs;
    circuit.tick(now);
    circuit.began(now);
    expect(circuit.failed(now, 1, 1)).toBe(true);
  }
});

it("gives the trial to another when it was cancelled, or never ends", () => {
  const circuit = opened();
  const openMs = circuit.openForMs(0);
  circuit.tick(openMs);
  circuit.began(openMs);
  circuit.cancelled();
  expect(circuit.admits).toBe(true);
  circuit.began(openMs);
  circuit.tick(2 * openMs - 1);
  expect(circuit.admits).toBe(false);
  circuit.tick(2 * openMs);
  expect(circuit.admits).toBe(true);
});

it("does not heed what ends while it is open", () => {
  const circuit = opened();
  expect([circuit.succeeded(), circuit.failed(1, 20, 20), circuit.state]).toEqual([false, false, "open"]);
});
