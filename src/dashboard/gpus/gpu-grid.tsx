import { useMemo } from "preact/hooks";
import { shadeOf, shades } from "../experts/colour-scale.ts";
import { useDark } from "../page/use-dark.ts";
import { type GpuChartProperties, markOf } from "./chart-properties.ts";

/** A GPU that steps wait for so many times as long as for one of all alike is underlined. */
const WAITED_FOR = 2;

/** One cell for each GPU, a row for each node: its load over all layers in the heat map's shades. */
export function GpuGrid(properties: GpuChartProperties) {
  const { costs, topology, point, choose } = properties;
  const dark = useDark();
  const table = useMemo(() => shades(dark), [dark]);
  const colour = (load: number) => {
    const at = shadeOf(load) * 3;
    return `rgb(${table.slice(at, at + 3).join(" ")})`;
  };
  const alike = costs.reduce((sum, { holds }) => sum + holds, 0) / Math.max(1, costs.length);
  return (
    <div class="gpu-grid">
      {Array.from({ length: topology.nodes }, (_, node) => (
        <div class="node-row" key={node}>
          <span class="node-number">{node}</span>
          {costs.slice(node * topology.gpusPerNode, (node + 1) * topology.gpusPerNode).map((cost) => (
            <div
              class={`cell ${cost.state} ${cost.holds > WAITED_FOR * alike ? "waited-for" : ""} ${markOf(cost.gpu, properties)}`}
              data-testid="gpu"
              key={cost.gpu}
              style={cost.state === "live" ? { background: colour(cost.load) } : {}}
              onPointerEnter={() => point(cost.gpu)}
              onClick={() => choose(cost.gpu)}
            />
          ))}
        </div>
      ))}
    </div>
  );
}
