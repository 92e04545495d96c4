import { bytes, time, whole } from "../format.ts";
import { Panel } from "../page/panel.tsx";
import type { EpochReport } from "../live/wire.ts";

/** Newer ones push older ones off the page; the heading says so. */
const ROWS = 100;

interface Properties {
  /** Oldest first. */
  readonly epochs: readonly EpochReport[];
  /** What the planner decided last. */
  readonly decision: string;
}

export function EpochTable({ epochs, decision }: Properties) {
  const rows = epochs.slice(-ROWS).toReversed();
  const note = rows.length < epochs.length ? `the newest ${ROWS}` : "newest first";
  return (
    <Panel title="Epochs" note={note}>
      <p class="decision">
        <strong>Planner</strong> {decision}
      </p>
      {rows.length === 0 ? (
        <p class="awaited">No epoch has been published yet.</p>
      ) : (
        <div class="table-frame" tabIndex={0} role="region" aria-label="Epochs">
          <table>
            <thead>
              <tr>
                <th scope="col">Epoch</th>
                <th scope="col">Began</th>
                <th scope="col">Changes</th>
                <th scope="col" class="number">
                  Slots moved
                </th>
                <th scope="col" class="number">
                  Weights
                </th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((epoch) => (
                <tr key={epoch.epoch} class={epoch.kind} data-testid="epoch-row">
                  <th scope="row">{epoch.epoch}</th>
                  <td>{time(epoch.atMs)}</td>
                  <td class="kind">{epoch.kind}</td>
                  <td class="number">{whole(epoch.movedSlots)}</td>
                  <td class="number">{bytes(epoch.movedBytes)}</td>
                  <td>{epoch.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
