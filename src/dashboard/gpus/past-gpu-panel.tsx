import { percent, time } from "../format.ts";
import type { GpuHistoryRow, GpusThen } from "../history/gpu-history-row.ts";
import type { PoolReport } from "../live/wire.ts";
import { Choice } from "../page/choice.tsx";
import { Panel } from "../page/panel.tsx";
import { GpuChart } from "./gpu-chart.tsx";
import { type GpuCost, gpuCostsThen, mostWaitedFor } from "./gpu-cost.ts";
import { type GpuMeasure, gpuPicture, measureIn, measuresOf } from "./gpu-measures.ts";
import { gpuText } from "./gpu-text.ts";
import { heldThen } from "./held-experts.ts";
import { HeldList, WhyStrip } from "./why-strip.tsx";

interface Properties {
  readonly then: GpusThen;
  readonly topology: PoolReport["topology"];
  /** How many times as long as an even step a step took; null where nothing was forwarded. */
  readonly factor: number | null;
  /** As it is now. */
  readonly loadLine: number | null;
  /** The GPU that the person chose; null for the one that steps waited for most. */
  readonly chosen: number | null;
  readonly choose: (gpu: number | null) => void;
  readonly measure: GpuMeasure;
  readonly setMeasure: (measure: GpuMeasure) => void;
}

const NOWHERE = () => {};
/** Tokens per second are not kept of each GPU. */
const NO_TOKENS = { mean: 0, end: 1 };

/** What each GPU did to the pool's steps at a moment that is past, as far as that is kept; and what filled one of them. */
export function PastGpuPanel(properties: Properties) {
  const { then, topology, factor, loadLine, chosen, choose, measure, setMeasure } = properties;
  const { row, awaited } = then;
  if (row === null)
    return (
      <Panel title="GPU load" note="then">
        <p class="awaited">
          {awaited ? "It is stored every ten seconds." : "Nothing is kept of this moment."}
        </p>
      </Panel>
    );
  const costs = gpuCostsThen(row, topology.nodes * topology.gpusPerNode);
  const ranks = ranksThen(row);
  const facts = { topology, ranks, activated: null, past: true };
  const options = measuresOf({ ...facts, topk: 0 });
  const shown = shownOf(costs, chosen);
  const filled = row.fullest.find(({ gpu }) => gpu === shown?.gpu);
  const kept = row.fullest.map(({ gpu }) => gpu).join(", ");
  return (
    <Panel title="GPU load" note={<Then row={row} />}>
      {ranks.length > 0 && (
        <Choice
          name="gpus"
          legend="What the GPUs are shown by"
          options={options}
          chosen={measureIn(options, measure)}
          choose={setMeasure}
        />
      )}
      <GpuChart
        costs={costs}
        picture={gpuPicture(measureIn(options, measure), costs, facts, factor, loadLine, NO_TOKENS)}
        topology={topology}
        label={`Load of ${costs.length} GPUs at ${time(row.at)}.${factor === null ? "" : ` A step took ${factor.toFixed(2)} times as long as an even one.`}`}
        rest={restText(factor, row)}
        words={(cost) => gpuText(cost, facts, [], null)}
        shown={shown}
        choose={choose}
        marked={[]}
      />
      {shown !== null && (
        <WhyStrip
          gpu={shown.gpu}
          byPerson={chosen !== null}
          release={() => choose(null)}
          held={filled === undefined ? null : heldThen(filled)}
          without={
            kept === ""
              ? "Steps waited for no GPU."
              : `What filled it is not kept. It is of those that steps waited for most: ${kept}.`
          }
          past
          pointAt={NOWHERE}
        />
      )}
    </Panel>
  );
}

/** What filled the other GPUs that steps waited for. */
export function PastExperts({
  then: { row },
  chosen,
  choose,
}: Pick<Properties, "then" | "chosen" | "choose">) {
  const shown = row === null ? null : shownOf(gpuCostsThen(row, 0), chosen);
  const others = row?.fullest.filter(({ gpu }) => gpu !== shown?.gpu) ?? [];
  return (
    <Panel title="Expert load" note="then: what filled the other GPUs that steps waited for">
      <div class="held-experts">
        {others.map((filled) => (
          <section key={filled.gpu} aria-label={`What filled GPU ${filled.gpu}`}>
            <h3>
              GPU {filled.gpu}: steps took {percent(filled.held, 1)} longer for it{" "}
              <button type="button" onClick={() => choose(filled.gpu)}>
                show it
              </button>
            </h3>
            <HeldList held={heldThen(filled)} pointAt={NOWHERE} />
          </section>
        ))}
      </div>
      <p class="readout">
        Of the past, the experts are kept that filled the GPUs that steps waited for most, in the worst ten
        seconds. The heat map of all experts is of now only.
      </p>
    </Panel>
  );
}

function shownOf(costs: readonly GpuCost[], chosen: number | null): GpuCost | null {
  return (chosen === null ? undefined : costs[chosen]) ?? mostWaitedFor(costs);
}

function Then({ row: { at, seconds } }: { readonly row: GpuHistoryRow }) {
  return (
    <strong class="then">
      then: {seconds} seconds from {time(at)}
    </strong>
  );
}

function ranksThen({ kvUse, waiting, running }: GpuHistoryRow): PoolReport["ranks"] {
  if (kvUse === null || waiting === null || running === null) return [];
  return kvUse.map((use, gpu) => ({ kvUse: use, waiting: waiting[gpu], running: running[gpu] }));
}

function restText(factor: number | null, { lost }: GpuHistoryRow): string {
  const gone = lost.length === 0 ? "" : ` Lost: GPU ${lost.join(", ")}.`;
  if (factor === null) return `Nothing was forwarded then.${gone}`;
  return `A step took ${factor.toFixed(2)} × as long as with all GPUs level.${gone}`;
}
