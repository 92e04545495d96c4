import { useState } from "preact/hooks";
import { clock } from "../format.ts";
import type { OwnTraffic } from "../live/wire.ts";
import type { SimulationChange } from "./change-simulation.ts";

const SPEEDS = [0.5, 1, 2, 5];
const SECOND_MS = 1000;

interface Properties {
  readonly traffic: OwnTraffic;
  readonly ask: (change: SimulationChange) => void;
}

/** What is played, and where it is: paused, begun again; of a trace, faster, slower, or at another time of it. */
export function PlayedControls({ traffic, ask }: Properties) {
  const { name, paused, trace } = traffic;
  return (
    <div class="played">
      <span class="played-name" title={name}>
        {name}
      </span>
      <button type="button" class="pause" onClick={() => ask({ pause: !paused })}>
        {paused ? "Go on" : "Pause"}
      </button>
      <button type="button" onClick={() => ask({ again: true })}>
        Start again
      </button>
      {trace !== null && (
        <>
          <select
            aria-label="Speed of the trace"
            value={trace.speed}
            onChange={({ currentTarget }) => ask({ speed: Number(currentTarget.value) })}
          >
            {SPEEDS.map((speed) => (
              <option key={speed} value={speed}>
                time ×{speed}
              </option>
            ))}
          </select>
          <TraceTime trace={trace} ask={ask} />
        </>
      )}
    </div>
  );
}

interface TimeProperties {
  readonly trace: NonNullable<OwnTraffic["trace"]>;
  readonly ask: Properties["ask"];
}

function TraceTime({ trace: { atMs, lengthMs }, ask }: TimeProperties) {
  /** Where the thumb is held; the trace goes on meanwhile. */
  const [held, hold] = useState<number | null>(null);
  const shown = held ?? atMs;
  const text = `${clock(shown)} of ${clock(lengthMs)}`;
  return (
    <span class="trace-time">
      <input
        type="range"
        aria-label="Time of the trace"
        aria-valuetext={text}
        min={0}
        max={lengthMs}
        step={SECOND_MS}
        value={shown}
        onInput={({ currentTarget }) => hold(Number(currentTarget.value))}
        onChange={({ currentTarget }) => {
          ask({ jump: Number(currentTarget.value) });
          hold(null);
        }}
      />
      <span>{text}</span>
    </span>
  );
}
