import type { HeldExpert, Placed } from "../experts/placed-experts.ts";
import { latest, stepFactor } from "../figures/averages.ts";
import { percent } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import type { PoolReport } from "../live/wire.ts";
import { Choice } from "../page/choice.tsx";
import { Panel } from "../page/panel.tsx";
import { GpuChart } from "./gpu-chart.tsx";
import { gpuCosts, mostWaitedFor, roomOf } from "./gpu-cost.ts";
import { GPU_MEASURES, type GpuMeasure, gpuPicture } from "./gpu-measures.ts";
import { gpuText } from "./gpu-text.ts";
import { heldBy } from "./held-experts.ts";
import { WhyStrip } from "./why-strip.tsx";

interface Properties {
  readonly pool: PoolState;
  /** Its last. */
  readonly report: PoolReport;
  readonly placed: Placed | null;
  /** The GPU that the person chose; null for the one that steps wait for most. */
  readonly chosen: number | null;
  readonly choose: (gpu: number | null) => void;
  readonly measure: GpuMeasure;
  readonly setMeasure: (measure: GpuMeasure) => void;
  /** GPUs to mark: those with a replica of what the person points at. */
  readonly marked: readonly number[];
  readonly pointAt: (expert: Pick<HeldExpert, "layer" | "expert"> | null) => void;
}

/** What each GPU does to the pool's steps, against the load line; and why, for one of them. */
export function GpuPanel(properties: Properties) {
  const { pool, report, placed, chosen, choose, measure, setMeasure, marked, pointAt } = properties;
  const { condition, simulation } = pool;
  const { expertLoad, layerNumbers } = report;
  const costs = gpuCosts(report, condition, simulation?.lost ?? []);
  const factor = stepFactor(latest(pool.samples));
  const loadLine = condition?.loadLine ?? null;
  const room = loadLine === null ? null : roomOf(factor, loadLine);
  const shown = (chosen === null ? undefined : costs[chosen]) ?? mostWaitedFor(costs);
  return (
    <Panel title="GPU load" note={<Room room={room} />}>
      {report.ranks.length > 0 && (
        <Choice
          name="gpus"
          legend="What the GPUs are shown by"
          options={GPU_MEASURES}
          chosen={measure}
          choose={setMeasure}
        />
      )}
      <GpuChart
        costs={costs}
        picture={gpuPicture(measure, costs, report.ranks, factor, loadLine)}
        topology={report.topology}
        label={`Load of ${costs.length} GPUs. ${factor === null ? "" : `A step takes ${factor.toFixed(2)} times as long as an even one.`}`}
        rest={waitedText(factor, loadLine)}
        words={(cost) => gpuText(cost, report, layerNumbers)}
        shown={shown}
        choose={choose}
        marked={marked}
      />
      {shown !== null && (
        <WhyStrip
          gpu={shown.gpu}
          byPerson={chosen !== null}
          release={() => choose(null)}
          held={placed && heldBy(placed, expertLoad, shown.gpu, layerNumbers)}
          without="Its experts appear with the placement."
          pointAt={pointAt}
        />
      )}
    </Panel>
  );
}

function Room({ room }: { readonly room: number | null }) {
  if (room === null) return <>all layers, relative to the mean GPU</>;
  return (
    <span title="How much longer than now a step may take until it is at the load line (control.loadLine)">
      {room >= 0 ? `room ${percent(room)} to the load line` : `${percent(-room)} past the load line`}
    </span>
  );
}

function waitedText(factor: number | null, loadLine: number | null): string {
  if (factor === null) return "Nothing was forwarded in the last ten seconds.";
  const line = loadLine === null ? "" : ` The load line is at ${loadLine.toFixed(2)} ×.`;
  return `Every layer waits for its fullest GPU: a step takes ${factor.toFixed(2)} × as long as with all GPUs level.${line}`;
}
