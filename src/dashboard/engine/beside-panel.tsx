import { useId } from "preact/hooks";
import { hopsOf } from "../figures/averages.ts";
import { fixed, whole } from "../format.ts";
import type { BalanceFigures, PoolReport } from "../live/wire.ts";
import { basisText, gainedText, shortName, timesText } from "./beside-text.ts";
import { stepsText } from "./engine-balance.ts";
import { DataTable, TextHead } from "../page/data-table.tsx";

const COLUMNS = {
  balancedness:
    "Σ over layers of the mean GPU's tokens ÷ Σ of the fullest GPU's, over the steps of ten seconds",
  step: "How many times as long as an even one a step is that waits for the fullest GPU in each layer: 1 ÷ balancedness",
  time: "The modelled time of the steps that both were worked out for, mean over ten seconds; the pool's has what weights that travel cost it",
  fullest: "The GPU with most tokens over all layers, relative to the mean, over ten seconds",
  hops: "Other nodes (or GPUs, where there is one node) that a token is sent to in a layer, over ten seconds",
  moved: "Slots whose expert was sent to their GPU, since the start",
};

interface Properties {
  readonly report: PoolReport;
}

/** Another way of balancing that is run beside a simulated pool, on the same tokens. */
export function BesidePanel({ report }: Properties) {
  const heading = useId();
  const { beside, movedSlots, topology } = report;
  if (beside === null) return null;
  const hops = hopsOf(topology);
  const row = (figures: BalanceFigures, moved: number) => (
    <>
      <td>{fixed(figures.balancedness, 3)}</td>
      <td>{stepsText(figures.balancedness)}</td>
      <td>{fixed(figures.stepMs, 1)}</td>
      <td>{timesText(figures.fullestGpu)}</td>
      <td>{fixed(figures[hops.figure], 2)}</td>
      <td>{whole(moved)}</td>
    </>
  );
  const gained = gainedText(beside, movedSlots);
  return (
    <section class="engine" aria-labelledby={heading}>
      <h2 id={heading}>Plimsoll beside {shortName(beside.title)}</h2>
      <DataTable
        label="Both ways of balancing"
        head={
          <>
            <td />
            <TextHead name="balancedness" what={COLUMNS.balancedness} />
            <TextHead name="step, × even" what={COLUMNS.step} />
            <TextHead name="step, ms" what={COLUMNS.time} />
            <TextHead name="fullest GPU" what={COLUMNS.fullest} />
            <TextHead name={hops.name.toLowerCase()} what={COLUMNS.hops} />
            <TextHead name="slots moved" what={COLUMNS.moved} />
          </>
        }
      >
        <tr>
          <th scope="row" title="Its placements are in force in the simulated pool">
            Plimsoll, in force
          </th>
          {row(beside.pool, movedSlots)}
        </tr>
        <tr>
          <th scope="row" title="On the same tokens, in force nowhere">
            {beside.title}, worked out
          </th>
          {row(beside.beside, beside.movedSlots)}
        </tr>
      </DataTable>
      <div class="engine-words">
        {gained !== null && <p>{gained}</p>}
        <p>{basisText(beside)}</p>
      </div>
    </section>
  );
}
