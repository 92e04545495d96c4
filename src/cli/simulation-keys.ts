import { LEAST_TRAFFIC, type Simulation } from "../model/simulation.ts";

/** Of what the traffic began with. */
const TRAFFIC_STEP = 0.1;

/** What the keys do, in a line for a person. */
export const KEYS_TEXT = "+ - traffic, s shift it, k stop a GPU or start it again, q end";

/**
 * Does what a key says.
 * @param fullest the rank with the most load now
 * @param end     ends the run
 */
export function pressKey(key: string, simulation: Simulation, fullest: () => number, end: () => void): void {
  const { lost } = simulation.state;
  switch (key) {
    case "+":
    case "=":
      return moveTraffic(simulation, TRAFFIC_STEP);
    case "-":
      return moveTraffic(simulation, -TRAFFIC_STEP);
    case "s":
      return simulation.change({ kind: "shift" });
    case "k":
      if (lost.length === 0) return simulation.change({ kind: "lose", rank: fullest() });
      for (const rank of lost) simulation.change({ kind: "restore", rank });
      return;
    case "q":
      end();
  }
}

function moveTraffic(simulation: Simulation, by: number): void {
  const { traffic } = simulation.state;
  if (traffic === null) return;
  const factor = Math.round((traffic.factor + by) / TRAFFIC_STEP) * TRAFFIC_STEP;
  const within = Math.min(traffic.most, Math.max(LEAST_TRAFFIC, factor));
  simulation.change({ kind: "traffic", factor: Number(within.toFixed(1)) });
}
