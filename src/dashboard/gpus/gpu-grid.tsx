import { useMemo } from "preact/hooks";
import { SHADES, shades } from "../experts/colour-scale.ts";
import { useDark } from "../page/use-dark.ts";
import { type GpuChartProperties, markOf } from "./chart-properties.ts";

/** The shades' ends: an empty GPU, and one with twice the mean. */
const MOST = 2;

/** One cell for each GPU, a row for each node: its load over all layers by shade, and a corner where steps wait for it. */
export function GpuGrid(properties: GpuChartProperties) {
  const { costs, topology, point, choose } = properties;
  const dark = useDark();
  const table = useMemo(() => shades(dark), [dark]);
  const colour = (load: number) => {
    const at = Math.round((Math.min(MOST, load) / MOST) * (SHADES - 1)) * 3;
    return `rgb(${table.slice(at, at + 3).join(" ")})`;
  };
  // What steps wait for: more than one GPU's even part of all waiting.
  const waiting = costs.reduce((sum, { holds }) => sum + holds, 0) / Math.max(1, costs.length);
  return (
    <div class="gpu-grid" style={{ "--gpus": topology.gpusPerNode }}>
      {costs.map((cost) => (
        <div
          class={`cell ${cost.state} ${cost.holds > 2 * waiting ? "waited-for" : ""} ${markOf(cost.gpu, properties)}`}
          data-testid="gpu"
          key={cost.gpu}
          style={cost.state === "live" ? { background: colour(cost.load) } : {}}
          onPointerEnter={() => point(cost.gpu)}
          onClick={() => choose(cost.gpu)}
        />
      ))}
    </div>
  );
}
