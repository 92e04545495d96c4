import { expect, it } from "vitest";
import { pressKey } from "../../src/cli/simulation-keys.ts";
import { changeText, simulationText } from "../../src/cli/simulation-text.ts";
import type { Simulation, SimulationChange, SimulationState } from "../../src/model/simulation.ts";

const RUNNING: SimulationState = { traffic: { factor: 1, most: 1.2 }, shifts: 0, lost: [], slow: [] };

/** What keys change, one after the other, of a pool in this state. */
function changesBy(keys: string, state: SimulationState): SimulationChange[] {
  const changes: SimulationChange[] = [];
  const simulation: Simulation = {
    get state() {
      return changes.reduce(changed, state);
    },
    change: (change) => changes.push(change),
    onChange: () => () => {},
  };
  for (const key of keys)
    pressKey(
      key,
      simulation,
      () => 5,
      () => expect.unreachable(),
    );
  return changes;
}

function changed(state: SimulationState, change: SimulationChange): SimulationState {
  if (change.kind === "traffic" && state.traffic !== null)
    return { ...state, traffic: { ...state.traffic, factor: change.factor } };
  if (change.kind === "lose") return { ...state, lost: [...state.lost, change.rank] };
  if (change.kind === "restore") return { ...state, lost: state.lost.filter((rank) => rank !== change.rank) };
  return state;
}

it("traffic goes in tenths, up to the most that can be made and down to the least", () => {
  const factors = (keys: string) =>
    changesBy(keys, RUNNING).map((change) => (change.kind === "traffic" ? change.factor : null));
  expect(factors("+=+")).toEqual([1.1, 1.2, 1.2]);
  expect(factors("-----------")).toEqual([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1]);
  expect(changesBy("+-", { ...RUNNING, traffic: null })).toEqual([]);
});

it("k stops the fullest GPU, and starts all that have stopped", () => {
  expect(changesBy("kk", RUNNING)).toEqual([
    { kind: "lose", rank: 5 },
    { kind: "restore", rank: 5 },
  ]);
  expect(changesBy("k", { ...RUNNING, lost: [1, 3] })).toEqual([
    { kind: "restore", rank: 1 },
    { kind: "restore", rank: 3 },
  ]);
});

it("s shifts the traffic, q ends the run, other keys do nothing", () => {
  expect(changesBy("xs ?", RUNNING)).toEqual([{ kind: "shift" }]);
  let ended = 0;
  const nothing: Simulation = {
    state: RUNNING,
    change: () => expect.unreachable(),
    onChange: () => () => {},
  };
  pressKey(
    "q",
    nothing,
    () => 0,
    () => ended++,
  );
  expect(ended).toBe(1);
});

it("is said in a line", () => {
  expect(simulationText(RUNNING)).toBe("traffic ×1.0, all GPUs run");
  expect(simulationText({ traffic: null, shifts: 0, lost: [], slow: [{ rank: 3, factor: 4 }] })).toBe(
    "all GPUs run, GPU 3 4 × slower",
  );
  expect(simulationText({ traffic: null, shifts: 1, lost: [2, 7], slow: [] })).toBe(
    "shifted once, GPU 2, 7 stopped",
  );
  expect(simulationText({ ...RUNNING, shifts: 2 })).toContain("shifted 2 times");
  const changes: SimulationChange[] = [
    { kind: "traffic", factor: 1.2 },
    { kind: "shift" },
    { kind: "lose", rank: 4 },
    { kind: "restore", rank: 4 },
  ];
  expect(changes.map(changeText)).toEqual([
    "traffic ×1.2",
    "the traffic shifts",
    "GPU 4 stops",
    "GPU 4 starts again",
  ]);
});
