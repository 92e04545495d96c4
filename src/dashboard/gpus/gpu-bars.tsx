import { loadAxisEnd } from "../figures/averages.ts";
import { type GpuChartProperties, markOf } from "./chart-properties.ts";

/** One bar for each GPU, by node: its own load, on it what a step takes longer for it, and its fullest layer as a tick. */
export function GpuBars(properties: GpuChartProperties) {
  const { costs, topology, factor, loadLine, point, choose } = properties;
  const end = loadAxisEnd([
    ...costs.map(({ load, holds }) => load + holds),
    (loadLine ?? 1) * 1.05,
    (factor ?? 1) * 1.05,
  ]);
  const height = (load: number) => `${Math.min(100, (load / end) * 100)}%`;
  const past = factor !== null && loadLine !== null && factor > loadLine;
  return (
    <div class="gpus">
      {Array.from({ length: topology.nodes }, (_, node) => (
        <div class="node" key={node}>
          {costs.slice(node * topology.gpusPerNode, (node + 1) * topology.gpusPerNode).map((cost) => (
            <div
              class={`gpu ${cost.state} ${markOf(cost.gpu, properties)}`}
              data-testid="gpu"
              key={cost.gpu}
              onPointerEnter={() => point(cost.gpu)}
              onClick={() => choose(cost.gpu)}
            >
              <div
                class={past && cost.holds > 0 ? "bar holds past" : "bar holds"}
                style={{ height: height(cost.holds) }}
              />
              <div class="bar" style={{ height: height(cost.load) }} />
              {cost.peak.timesMean > 0 && (
                <div class="peak" style={{ bottom: height(cost.peak.timesMean) }} />
              )}
            </div>
          ))}
          <span class="node-name">node {node}</span>
        </div>
      ))}
      <Line kind="mean-line" at={height(1)} label="mean" />
      {factor !== null && (
        <Line
          kind={past ? "step-line past" : "step-line"}
          at={height(factor)}
          label={`step ${factor.toFixed(2)} ×`}
        />
      )}
      {loadLine !== null && (
        <Line kind="load-line" at={height(loadLine)} label={`line ${loadLine.toFixed(2)} ×`} />
      )}
    </div>
  );
}

function Line({ kind, at, label }: { readonly kind: string; readonly at: string; readonly label: string }) {
  return (
    <div class={kind} style={{ bottom: at }}>
      <span>{label}</span>
    </div>
  );
}
