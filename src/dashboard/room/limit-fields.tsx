import type { Limits } from "./room-text.ts";

interface Properties {
  readonly limits: Limits;
  readonly change: (limits: Limits) => void;
}

const FIELDS = [
  ["ttftMs", "First token (p95) within"],
  ["itlMs", "between tokens (p95) within"],
] as const;

/** What is to be kept; the room is read off the same runs. */
export function LimitFields({ limits, change }: Properties) {
  return (
    <p class="limits">
      {FIELDS.map(([field, name]) => (
        <label key={field}>
          {name}
          <input
            type="number"
            min={1}
            value={limits[field]}
            onInput={({ currentTarget: { valueAsNumber: ms } }) => {
              if (ms > 0) change({ ...limits, [field]: ms });
            }}
          />
          ms
        </label>
      ))}
    </p>
  );
}
