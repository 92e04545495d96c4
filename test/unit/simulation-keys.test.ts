import { expect, it } from "vitest";
import { keysText, pressKey } from "../../src/cli/simulation-keys.ts";
import { changeText, simulationText } from "../../src/cli/simulation-text.ts";
import type {
  OwnTraffic,
  Simulation,
  SimulationChange,
  SimulationState,
} from "../../src/model/simulation.ts";

const MADE_UP: OwnTraffic = { name: "made up", factor: 1, most: 1.2, paused: false, trace: null };
const RUNNING: SimulationState = { traffic: MADE_UP, shifts: 0, lost: [], slow: [] };
const TRACE: SimulationState = {
  ...RUNNING,
  traffic: { ...MADE_UP, name: "chat.csv", trace: { atMs: 50_000, lengthMs: 600_000, speed: 1 } },
};

/** What keys change, one after the other, of a pool in this state. */
function changesBy(
  keys: string,
  state: SimulationState,
  refuse: (why: string) => void = () => expect.unreachable(),
): SimulationChange[] {
  const changes: SimulationChange[] = [];
  const simulation: Simulation = {
    get state() {
      return changes.reduce(changed, state);
    },
    change: (change) => changes.push(change),
    onChange: () => () => {},
  };
  for (const key of keys)
    pressKey(key, { simulation, fullest: () => 5, end: () => expect.unreachable(), refuse });
  return changes;
}

function changed(state: SimulationState, change: SimulationChange): SimulationState {
  if (change.kind === "traffic" && state.traffic !== null)
    return { ...state, traffic: { ...state.traffic, factor: change.factor } };
  if ((change.kind === "pause" || change.kind === "go-on") && state.traffic !== null)
    return { ...state, traffic: { ...state.traffic, paused: change.kind === "pause" } };
  if (change.kind === "speed" && state.traffic?.trace)
    return {
      ...state,
      traffic: { ...state.traffic, trace: { ...state.traffic.trace, speed: change.speed } },
    };
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

it("space pauses the traffic and lets it go on, a begins it again", () => {
  expect(changesBy("  a", RUNNING)).toEqual([{ kind: "pause" }, { kind: "go-on" }, { kind: "again" }]);
});

it("a trace is played at other speeds, and at other times of it", () => {
  const speeds = changesBy("]]]][[[[", TRACE).map((change) => change.kind === "speed" && change.speed);
  expect(speeds).toEqual([2, 5, 5, 5, 2, 1, 0.5, 0.5]);
  expect(changesBy("fb", TRACE)).toEqual([
    { kind: "jump", atMs: 80_000 },
    { kind: "jump", atMs: 20_000 },
  ]);
});

it("what traffic without a time of its own cannot do is refused, each in a line", () => {
  const why: string[] = [];
  expect(changesBy("f]", RUNNING, (line) => why.push(line))).toEqual([]);
  expect(why).toEqual([
    "the traffic is made up as it goes: there is nowhere to jump to; play a trace (--trace)",
    "the traffic is made up as it goes: it has no speed beside its rate; play a trace (--trace)",
  ]);
});

it("the keys that do something are said", () => {
  expect(keysText(null)).toBe("s shift it, k stop a GPU or start it again, q end");
  expect(keysText(MADE_UP)).toMatch(/^space pause, \+ - traffic, a start again, s/);
  expect(keysText({ ...MADE_UP, ...TRACE.traffic, paused: true })).toMatch(
    /^space go on, .*, \[ \] slower, faster, b f 30 s back, forward, a start again, s/,
  );
});

it("s shifts the traffic, q ends the run, other keys do nothing", () => {
  expect(changesBy("xs?", RUNNING)).toEqual([{ kind: "shift" }]);
  let ended = 0;
  const nothing: Simulation = {
    state: RUNNING,
    change: () => expect.unreachable(),
    onChange: () => () => {},
  };
  pressKey("q", { simulation: nothing, fullest: () => 0, end: () => ended++, refuse: () => {} });
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
    { kind: "pause" },
    { kind: "go-on" },
    { kind: "again" },
    { kind: "speed", speed: 0.5 },
    { kind: "jump", atMs: 3_661_000 },
  ];
  expect(changes.map(changeText)).toEqual([
    "traffic ×1.2",
    "the traffic shifts",
    "GPU 4 stops",
    "GPU 4 starts again",
    "the traffic is paused",
    "the traffic goes on",
    "the traffic starts again",
    "the trace's time ×0.5",
    "jump to 01:01:01",
  ]);
});
