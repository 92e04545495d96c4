import { bytes, time, whole } from "../format.ts";
import type { DecisionRecord } from "../live/wire.ts";
import { moved } from "../changes/moved-decisions.ts";
import { Panel } from "../page/panel.tsx";
import { redrawnOnChange } from "../page/unchanged.ts";
import {
  KIND_NAMES,
  measuredText,
  predictedText,
  progressText,
  spanText,
  worthText,
} from "./decision-text.ts";

/** Newer ones push older ones off the page; the heading says so. */
const ROWS = 50;

interface Properties {
  /** Oldest first. */
  readonly decisions: readonly DecisionRecord[];
  /** What the planner decided last, in its words. */
  readonly last: string;
  /** Whether loads are worked out from counts, not counted where they were. */
  readonly modelled: boolean;
  /** The one whose changes are shown, by its id; null for none. */
  readonly chosen: number | null;
  readonly choose: (decision: number | null) => void;
}

/** One row for each decision: what was predicted of it, and what was measured before and after. */
export const DecisionTable = redrawnOnChange(Table);

function Table({ decisions, last, modelled, chosen, choose }: Properties) {
  const rows = decisions.slice(-ROWS).toReversed();
  const note = rows.length < decisions.length ? `the newest ${ROWS}` : "newest first";
  return (
    <Panel title="Decisions" note={note}>
      <p class="decision">
        <strong>Planner</strong> {last}
      </p>
      {rows.length === 0 ? (
        <p class="awaited">Nothing has been decided yet.</p>
      ) : (
        <div class="table-frame" tabIndex={0} role="region" aria-label="Table of decisions">
          <table class="decisions">
            <thead>
              <tr>
                <th scope="col">At</th>
                <th scope="col">What</th>
                <th
                  scope="col"
                  class="number"
                  title="Balancedness for the mean of the forecast load, of what was in force and of what was to follow. Single steps vary around that mean, those of few tokens most: what is measured, step by step, is below it"
                >
                  Predicted
                </th>
                <th
                  scope="col"
                  class="number"
                  title={`Balancedness ${modelled ? "worked out from what engines count" : "as counted"}, before and after`}
                >
                  {modelled ? "Worked out" : "Measured"}
                </th>
                <th
                  scope="col"
                  class="number"
                  title="Replicas that came to other slots, and the bytes of their weights"
                >
                  Moved
                </th>
                <th
                  scope="col"
                  class="number"
                  title="Tokens forwarded more, in parts of all, and how many more its moves need"
                >
                  Gain
                </th>
                <th scope="col">Why</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((decision) => (
                <Row
                  key={decision.id}
                  decision={decision}
                  chosen={decision.id === chosen}
                  choose={moved(decision) ? choose : null}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

interface RowProperties {
  readonly decision: DecisionRecord;
  readonly chosen: boolean;
  /** Null where it moved nothing that could be looked at. */
  readonly choose: Properties["choose"] | null;
}

function Row({ decision, chosen, choose }: RowProperties) {
  const { id, kind, reason, atMs, state, stages, movedSlots, movedBytes } = decision;
  const progress = progressText(decision);
  return (
    <tr
      class={`${kind} ${state.replace(" ", "-")} ${chosen ? "chosen" : ""} ${choose === null ? "" : "to-choose"}`}
      data-testid="decision-row"
      onClick={() => choose?.(chosen ? null : id)}
    >
      <th scope="row">
        {choose === null ? (
          time(atMs)
        ) : (
          // The row takes its clicks.
          <button type="button" aria-pressed={chosen} title="What it changed, in the heat map: Changes">
            {time(atMs)}
          </button>
        )}
      </th>
      <td class="kind">
        {KIND_NAMES[kind]}
        {progress !== "" && <small> {progress}</small>}
        {state === "under way" && stages !== null && (
          <progress value={stages.done} max={stages.of} aria-label="Stages" />
        )}
      </td>
      <td class="number">{predictedText(decision)}</td>
      <td class="number" title={spanText(decision)}>
        {measuredText(decision)}
      </td>
      <td class="number">
        {movedSlots === 0 ? "" : whole(movedSlots)}
        {movedBytes > 0 && <small> {bytes(movedBytes)}</small>}
      </td>
      <td class="number gain">{worthText(decision)}</td>
      <td>{reason}</td>
    </tr>
  );
}
