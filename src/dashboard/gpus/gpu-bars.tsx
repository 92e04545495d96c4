import { type GpuChartProperties, markOf } from "./chart-properties.ts";
import type { GpuMark } from "./gpu-measures.ts";

/** In parts of the chart's height. */
const LABEL_HIGH = 0.09;

/** One bar for each GPU, by node. */
export function GpuBars(properties: GpuChartProperties) {
  const { picture, topology, point, choose } = properties;
  const { marks, lines, end } = picture;
  const past = lines.some((line) => line.past);
  const height = (value: number) => `${Math.min(100, (value / end) * 100)}%`;
  const bar = ({ gpu, state, value, extra, tick }: GpuMark) => (
    <div
      class={`gpu ${state} ${markOf(gpu, properties)}`}
      data-testid="gpu"
      key={gpu}
      onPointerEnter={() => point(gpu)}
      onClick={() => choose(gpu)}
    >
      <div class={past ? "bar extra past" : "bar extra"} style={{ height: height(extra) }} />
      <div class="bar" style={{ height: height(value) }} />
      {tick !== null && <div class="peak" style={{ bottom: height(tick) }} />}
    </div>
  );
  const [step, limit] = (["step", "limit"] as const).map(
    (kind) => lines.find((line) => line.kind === kind)?.at,
  );
  // Words stand above their line, unless the next line is there.
  const crowded =
    step === undefined || limit === undefined || Math.abs(limit - step) / end >= LABEL_HIGH
      ? null
      : step < limit
        ? "step"
        : "limit";
  return (
    <div class="gpus">
      {Array.from({ length: topology.nodes }, (_, node) => (
        <div class="node" key={node}>
          {marks.slice(node * topology.gpusPerNode, (node + 1) * topology.gpusPerNode).map(bar)}
          <span class="node-name">node {node}</span>
        </div>
      ))}
      {lines.map(({ kind, at, label, past: over }) => (
        <div
          class={`${kind}-line ${over ? "past" : ""} ${kind === crowded ? "crowded" : ""}`}
          key={kind}
          style={{ bottom: height(at) }}
        >
          <span>{label}</span>
        </div>
      ))}
    </div>
  );
}
