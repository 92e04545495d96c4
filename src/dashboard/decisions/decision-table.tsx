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
import { DataTable, NumberHead, TextHead } from "../page/data-table.tsx";

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
        <DataTable
          label="Table of decisions"
          kind="decisions"
          head={
            <>
              <TextHead name="At" />
              <TextHead name="What" />
              <NumberHead
                name="Predicted"
                what="Balancedness for the mean of the forecast load, of what was in force and of what was to follow. Single steps vary around that mean, those of few tokens most: what is measured, step by step, is below it"
              />
              <NumberHead
                name={modelled ? "Worked out" : "Measured"}
                what={`Balancedness ${modelled ? "worked out from what engines count" : "as counted"}, before and after`}
              />
              <NumberHead
                name="Moved"
                what="Replicas that came to other slots, and the bytes of their weights"
              />
              <NumberHead
                name="Gain"
                what="Tokens forwarded more, in parts of all, and how many more its moves need"
              />
              <TextHead name="Why" />
            </>
          }
        >
          {rows.map((decision) => (
            <Row
              key={decision.id}
              decision={decision}
              chosen={decision.id === chosen}
              choose={moved(decision) ? choose : null}
            />
          ))}
        </DataTable>
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
