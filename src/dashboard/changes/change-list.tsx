import type { HeldExpert } from "../experts/placed-experts.ts";
import { whole } from "../format.ts";
import { gpusText, thenText } from "./change-text.ts";
import { type ChangedExpert, type ReadChange, weightiest } from "./placement-change.ts";
import { DataTable, NumberHead, TextHead } from "../page/data-table.tsx";

const ROWS = 50;

interface Properties {
  readonly read: ReadChange;
  readonly numbers: readonly number[];
  readonly pointAt: (expert: Pick<HeldExpert, "layer" | "expert"> | null) => void;
}

/** The experts that had most load, of those whose replicas changed. */
export function ChangeList({ read, numbers, pointAt }: Properties) {
  const experts = weightiest(read);
  if (experts.length === 0) return null;
  const shown = experts.slice(0, ROWS);
  const caption = `Experts by the load that was expected then${shown.length < experts.length ? `: the heaviest ${shown.length} of ${whole(experts.length)}` : ""}`;
  return (
    <DataTable
      label="Table of the weightiest changes"
      kind="change-list"
      caption={caption}
      head={
        <>
          <NumberHead name="Layer" />
          <NumberHead name="Expert" />
          <NumberHead
            name="Load then"
            what="Relative to an even part of its layer, as it was expected when this was decided, and its place by that in the layer"
          />
          <NumberHead name="Replicas" />
          <TextHead name="From" what="GPUs with slots that held it, and hold something else now" />
          <TextHead name="To" what="GPUs with slots that hold it, and held something else before" />
        </>
      }
    >
      {shown.map((one) => (
        <Row
          key={`${one.layer} ${one.expert}`}
          one={one}
          layer={numbers[one.layer] ?? one.layer}
          pointAt={pointAt}
        />
      ))}
    </DataTable>
  );
}

interface RowProperties {
  readonly one: ChangedExpert;
  readonly layer: number;
  readonly pointAt: Properties["pointAt"];
}

function Row({ one, layer, pointAt }: RowProperties) {
  const { expert, load, place, replicasBefore, replicasAfter, kind, from, to } = one;
  return (
    <tr
      data-testid="change-row"
      onPointerEnter={() => pointAt({ layer: one.layer, expert })}
      onPointerLeave={() => pointAt(null)}
    >
      <td class="number">{layer}</td>
      <th scope="row" class="number">
        {expert}
      </th>
      <td class="number" title={thenText(one)}>
        {place === 0 ? "" : `${load.toFixed(2)} ×`}
        {place > 0 && <small> no. {place}</small>}
      </td>
      <td class={`number ${kind}`}>
        {replicasBefore} → {replicasAfter}
      </td>
      <td>{from.length === 0 ? "" : gpusText(from)}</td>
      <td>{to.length === 0 ? "" : gpusText(to)}</td>
    </tr>
  );
}
