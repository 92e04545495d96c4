import {
  LEAST_TRAFFIC,
  type OwnTraffic,
  type Simulation,
  type SimulationChange,
  TRACE_SPEEDS,
  whyNotPlayed,
} from "../model/simulation.ts";

/** Of what the traffic began with. */
const TRAFFIC_STEP = 0.1;
const JUMP_MS = 30_000;

/** What the keys do, in a line for a person. @param traffic null where there is none of this process */
export function keysText(traffic: OwnTraffic | null): string {
  const played = traffic === null ? [] : [`space ${traffic.paused ? "go on" : "pause"}, + - traffic`];
  const trace = traffic?.trace ? [`[ ] slower, faster, b f ${JUMP_MS / 1000} s back, forward`] : [];
  const again = traffic === null ? [] : ["a start again"];
  return [...played, ...trace, ...again, "s shift it, k stop a GPU or start it again, q end"].join(", ");
}

export interface KeyActions {
  readonly simulation: Simulation;
  /** The rank with the most load now. */
  readonly fullest: () => number;
  /** Ends the run. */
  readonly end: () => void;
  /** Receives why something cannot be done. */
  readonly refuse: (why: string) => void;
}

/** Does what a key says. */
export function pressKey(key: string, { simulation, fullest, end, refuse }: KeyActions): void {
  const { lost, traffic } = simulation.state;
  const change = (wanted: SimulationChange) => {
    const why = whyNotPlayed(wanted, traffic);
    if (why === null) simulation.change(wanted);
    else refuse(why);
  };
  switch (key) {
    case " ":
      return change({ kind: traffic?.paused ? "go-on" : "pause" });
    case "a":
      return change({ kind: "again" });
    case "b":
      return change({ kind: "jump", atMs: Math.max(0, (traffic?.trace?.atMs ?? 0) - JUMP_MS) });
    case "f":
      return change({ kind: "jump", atMs: (traffic?.trace?.atMs ?? 0) + JUMP_MS });
    case "[":
      return change({ kind: "speed", speed: nextSpeed(traffic, -1) });
    case "]":
      return change({ kind: "speed", speed: nextSpeed(traffic, 1) });
    case "+":
    case "=":
      return moveTraffic(simulation, TRAFFIC_STEP);
    case "-":
      return moveTraffic(simulation, -TRAFFIC_STEP);
    case "s":
      return change({ kind: "shift" });
    case "k":
      if (lost.length === 0) return change({ kind: "lose", rank: fullest() });
      for (const rank of lost) change({ kind: "restore", rank });
      return;
    case "q":
      end();
  }
}

function nextSpeed(traffic: OwnTraffic | null, by: 1 | -1): number {
  const at = TRACE_SPEEDS.indexOf(traffic?.trace?.speed ?? 1);
  return TRACE_SPEEDS[Math.min(TRACE_SPEEDS.length - 1, Math.max(0, at + by))];
}

function moveTraffic(simulation: Simulation, by: number): void {
  const { traffic } = simulation.state;
  if (traffic === null) return;
  const factor = Math.round((traffic.factor + by) / TRAFFIC_STEP) * TRAFFIC_STEP;
  const within = Math.min(traffic.most, Math.max(LEAST_TRAFFIC, factor));
  simulation.change({ kind: "traffic", factor: Number(within.toFixed(1)) });
}
