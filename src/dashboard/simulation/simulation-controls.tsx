import { useId, useState } from "preact/hooks";
import { changeSimulation, type SimulationChange } from "./change-simulation.ts";
import type { SimulationReport } from "../live/wire.ts";
import { PlayedControls } from "./played-controls.tsx";

const LEAST_TRAFFIC = 0.1;
const TRAFFIC_STEP = 0.1;

interface Properties {
  readonly simulation: SimulationReport;
  readonly gpus: number;
  readonly operatorKey: string | null;
}

/** What a person can do to a simulated pool, and what has been done. */
export function SimulationControls({ simulation, gpus, operatorKey }: Properties) {
  const { pool, traffic, lost } = simulation;
  const heading = useId();
  const [gpu, setGpu] = useState(0);
  const [refusal, setRefusal] = useState<string | null>(null);
  // Another pool may have fewer.
  const chosen = Math.min(gpu, gpus - 1);
  const stopped = lost.includes(chosen);
  const ask = (change: SimulationChange) => void changeSimulation(pool, change, operatorKey).then(setRefusal);
  return (
    <section class="simulation" aria-labelledby={heading}>
      <h2 id={heading}>Simulated pool</h2>
      {traffic !== null && <PlayedControls traffic={traffic} ask={ask} />}
      {traffic !== null && (
        <>
          <button
            type="button"
            disabled={traffic.factor <= LEAST_TRAFFIC}
            onClick={() => ask({ traffic: stepped(traffic, -TRAFFIC_STEP) })}
          >
            Less traffic
          </button>
          <button
            type="button"
            disabled={traffic.factor >= traffic.most}
            onClick={() => ask({ traffic: stepped(traffic, TRAFFIC_STEP) })}
          >
            More traffic
          </button>
        </>
      )}
      <button type="button" onClick={() => ask({ shift: true })}>
        Shift the traffic
      </button>
      <span class="one-gpu">
        <select
          aria-label="GPU to stop or start"
          value={chosen}
          onChange={({ currentTarget }) => setGpu(Number(currentTarget.value))}
        >
          {Array.from({ length: gpus }, (_, i) => (
            <option key={i} value={i}>
              GPU {i}
              {lost.includes(i) && ", stopped"}
            </option>
          ))}
        </select>
        <button type="button" onClick={() => ask(stopped ? { restore: chosen } : { lose: chosen })}>
          {stopped ? "Start" : "Stop"} GPU {chosen}
        </button>
      </span>
      <p role="status">{refusal ?? said(simulation)}</p>
    </section>
  );
}

/** One step further, in tenths, within what is possible. */
function stepped({ factor, most }: NonNullable<SimulationReport["traffic"]>, by: number): number {
  const tenths = Math.round((factor + by) * 10) / 10;
  return Math.min(most, Math.max(LEAST_TRAFFIC, tenths));
}

function said({ traffic, shifts, lost }: SimulationReport): string {
  const parts = [
    ...(traffic === null
      ? []
      : [`Traffic ×${traffic.factor.toFixed(1)}${traffic.paused ? ", paused: nothing arrives" : ""}`]),
    ...(shifts === 0 ? [] : [`shifted ${shifts === 1 ? "once" : `${shifts} times`}`]),
    ...(lost.length === 0 ? [] : [`GPU ${lost.join(", ")} stopped`]),
  ];
  return parts.join(" · ");
}
