import { useMemo } from "preact/hooks";
import { type HeldExpert, type Placed, emptyGpus } from "../experts/placed-experts.ts";
import { useScaleTop } from "../experts/use-scale-top.ts";
import { latest, meanTokens, stepFactor } from "../figures/averages.ts";
import { percent, whole } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import type { PoolReport } from "../live/wire.ts";
import { Choice } from "../page/choice.tsx";
import { Panel } from "../page/panel.tsx";
import { GpuChart } from "./gpu-chart.tsx";
import { gpuCosts, mostWaitedFor, roomOf } from "./gpu-cost.ts";
import { type GpuMeasure, gpuPicture, measureIn, measuresOf } from "./gpu-measures.ts";
import { gpuText, emptyText } from "./gpu-text.ts";
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
  const empty = useMemo(() => (placed === null ? [] : emptyGpus(placed)), [placed]);
  const without = emptyText(costs, empty);
  const factor = stepFactor(latest(pool.samples));
  const loadLine = condition?.loadLine ?? null;
  const room = loadLine === null ? null : roomOf(factor, loadLine);
  const shown = (chosen === null ? undefined : costs[chosen]) ?? mostWaitedFor(costs);
  // Of the mean GPU, in a layer.
  const tokens =
    report.topk === 0 ? null : (meanTokens(latest(pool.samples)) * report.topk) / Math.max(1, costs.length);
  const end = useScaleTop((tokens ?? 0) * Math.max(0, ...report.gpuLoad));
  const options = measuresOf(report);
  const by = measureIn(options, measure);
  return (
    <Panel title="GPU load" note={<Room room={room} />}>
      {options.some(({ value, disabled }) => value !== "load" && !disabled) && (
        <Choice
          name="gpus"
          legend="What the GPUs are shown by"
          options={options}
          chosen={by}
          choose={setMeasure}
        />
      )}
      <GpuChart
        costs={costs}
        picture={gpuPicture(by, costs, report, factor, loadLine, { mean: tokens ?? 0, end })}
        topology={report.topology}
        label={`Load of ${costs.length} GPUs. ${factor === null ? "" : `A step takes ${factor.toFixed(2)} times as long as an even one.`}`}
        rest={readout(by, report, tokens, end) ?? waitedText(factor, loadLine)}
        words={(cost) => gpuText(cost, report, layerNumbers, tokens)}
        shown={shown}
        choose={choose}
        marked={marked}
      />
      {without !== null && <p class="without">{without}</p>}
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

/** What the bars say together, where they are of something else than load. */
function readout(measure: GpuMeasure, report: PoolReport, tokens: number | null, end: number): string | null {
  if (measure === "tokens") return tokensText(tokens, end);
  return measure === "activated" ? activatedText(report) : null;
}

function tokensText(mean: number | null, end: number): string {
  return `Tokens that a GPU's experts receive per second, mean over the layers: ${whole(mean ?? 0)} at the mean GPU; the scale ends at ${whole(end)}.`;
}

function activatedText({ activated, topology }: PoolReport): string {
  const most = Math.max(0, ...(activated?.perGpu ?? []));
  const read = `On the GPU with most, a step reads ${most.toFixed(1)} of ${topology.slotsPerGpu} experts in a layer; small steps wait for that.`;
  return activated?.estimated
    ? `${read} Expected of counts, as if all steps were alike: steps that differ read fewer.`
    : read;
}

function waitedText(factor: number | null, loadLine: number | null): string {
  if (factor === null) return "Nothing was forwarded in the last ten seconds.";
  const line = loadLine === null ? "" : ` The load line is at ${loadLine.toFixed(2)} ×.`;
  return `Every layer waits for its fullest GPU: a step takes ${factor.toFixed(2)} × as long as with all GPUs level.${line}`;
}
