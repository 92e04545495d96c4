import { fullest, loadAxisEnd } from "./figures.ts";
import { percent } from "./format.ts";
import { Panel } from "./panel.tsx";
import { useCursor } from "./use-cursor.ts";
import type { PoolSample } from "./wire.ts";

/** One bar per GPU, by node; the load line lies where the fullest GPU ends. */
export function GpuLoad({ sample }: { readonly sample: PoolSample }) {
  const { gpuLoad, topology } = sample;
  const cursor = useCursor(1, gpuLoad.length);
  const end = loadAxisEnd(gpuLoad);
  const most = fullest(gpuLoad);
  const shown = cursor.cell?.column ?? most;
  const height = (load: number) => `${(load / end) * 100}%`;
  return (
    <Panel title="GPU load" note="all layers, relative to the mean GPU">
      <div
        class="gpus"
        tabIndex={0}
        role="group"
        aria-roledescription="bar chart"
        aria-label={`Load of ${gpuLoad.length} GPUs. Fullest: ${said(sample, most)}. Arrow keys read single GPUs.`}
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
                  class="gpu"
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
        <div class="mean-line" style={{ bottom: height(1) }}>
          <span>mean</span>
        </div>
        <div class="load-line" style={{ bottom: height(gpuLoad[most]) }}>
          <span>{gpuLoad[most].toFixed(2)}×</span>
        </div>
      </div>
      <p class="readout">
        {cursor.cell === null && "Fullest: "}
        {said(sample, shown)}
      </p>
      <p class="unseen" aria-live="polite">
        {cursor.byKeys && said(sample, shown)}
      </p>
    </Panel>
  );
}

function said({ gpuLoad, ranks, topology }: PoolSample, gpu: number): string {
  const load = `GPU ${gpu} on node ${Math.floor(gpu / topology.gpusPerNode)}, ${gpuLoad[gpu].toFixed(2)}× the mean`;
  const rank = ranks[gpu];
  if (rank === undefined) return load;
  return `${load} · ${rank.running} running, ${rank.waiting} waiting · KV cache ${percent(rank.kvUse)}`;
}
