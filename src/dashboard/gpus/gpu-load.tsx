import { fullest, loadAxisEnd } from "../figures/averages.ts";
import { percent } from "../format.ts";
import { Panel } from "../page/panel.tsx";
import { useCursor } from "../experts/use-cursor.ts";
import type { PoolSample } from "../live/wire.ts";

interface Properties {
  readonly sample: PoolSample;
  /** GPUs that are known to have stopped. */
  readonly stopped: readonly number[];
}

/** One bar per GPU, by node; the load line lies where the fullest GPU ends. */
export function GpuLoad({ sample, stopped }: Properties) {
  const { gpuLoad, topology } = sample;
  const cursor = useCursor(1, gpuLoad.length);
  const end = loadAxisEnd(gpuLoad);
  const most = fullest(gpuLoad);
  const height = (load: number) => `${(load / end) * 100}%`;
  const summary =
    gpuLoad[most] > 0
      ? `Fullest: ${said(sample, most, stopped)}`
      : "Nothing was forwarded since the report before";
  const pointed = cursor.cell === null ? null : said(sample, cursor.cell.column, stopped);
  return (
    <Panel title="GPU load" note="all layers, relative to the mean GPU">
      <div
        class="gpus"
        tabIndex={0}
        role="group"
        aria-roledescription="bar chart"
        aria-label={`Load of ${gpuLoad.length} GPUs. ${summary}. Arrow keys read single GPUs.`}
        onKeyDown={cursor.onKeyDown}
        onBlur={() => cursor.point(null)}
        onPointerLeave={() => cursor.point(null)}
      >
        {Array.from({ length: topology.nodes }, (_, node) => (
          <div class="node" key={node}>
            {Array.from({ length: topology.gpusPerNode }, (_, i) => {
              const gpu = node * topology.gpusPerNode + i;
              const kind = `${gpu === most ? "fullest" : ""} ${gpu === cursor.cell?.column ? "chosen" : ""}`;
              return (
                <div
                  class={stopped.includes(gpu) ? "gpu stopped" : "gpu"}
                  data-testid="gpu"
                  key={gpu}
                  onPointerEnter={() => cursor.point({ row: 0, column: gpu })}
                >
                  <div class={`bar ${kind}`} style={{ height: height(gpuLoad[gpu]) }} />
                </div>
              );
            })}
            <span class="node-name">node {node}</span>
          </div>
        ))}
        {gpuLoad[most] > 0 && (
          <>
            <Line kind="mean-line" at={height(1)} label="mean" />
            <Line kind="load-line" at={height(gpuLoad[most])} label={`${gpuLoad[most].toFixed(2)}×`} />
          </>
        )}
      </div>
      <p class="readout">{pointed ?? summary}</p>
      <p class="unseen" aria-live="polite">
        {cursor.byKeys && pointed}
      </p>
    </Panel>
  );
}

function Line({ kind, at, label }: { readonly kind: string; readonly at: string; readonly label: string }) {
  return (
    <div class={kind} style={{ bottom: at }}>
      <span>{label}</span>
    </div>
  );
}

function said(sample: PoolSample, gpu: number, stopped: readonly number[]): string {
  const { gpuLoad, ranks, topology } = sample;
  const node = Math.floor(gpu / topology.gpusPerNode);
  if (stopped.includes(gpu)) return `GPU ${gpu} on node ${node}, stopped`;
  const load = `GPU ${gpu} on node ${node}, ${gpuLoad[gpu].toFixed(2)}× the mean`;
  const rank = ranks[gpu];
  // Engines that report their expert counts alone have no rank states.
  if (rank === undefined) return load;
  return `${load} · ${rank.running} running, ${rank.waiting} waiting · KV cache ${percent(rank.kvUse)}`;
}
