import { useMemo } from "preact/hooks";
import { shades } from "../experts/colour-scale.ts";
import { useDark } from "../page/use-dark.ts";
import { type GpuChartProperties, markOf } from "./chart-properties.ts";

/** One cell for each GPU, a row for each node, in the heat map's shades. */
export function GpuGrid(properties: GpuChartProperties) {
  const { picture, topology, point, choose } = properties;
  const dark = useDark();
  const table = useMemo(() => shades(dark), [dark]);
  const colour = (shade: number) => `rgb(${table.slice(shade * 3, shade * 3 + 3).join(" ")})`;
  return (
    <div class="gpu-grid">
      {Array.from({ length: topology.nodes }, (_, node) => (
        <div class="node-row" key={node}>
          <span class="node-number">{node}</span>
          {picture.marks
            .slice(node * topology.gpusPerNode, (node + 1) * topology.gpusPerNode)
            .map(({ gpu, state, shade, stands }) => (
              <div
                class={`cell ${state} ${stands ? "stands" : ""} ${markOf(gpu, properties)}`}
                data-testid="gpu"
                key={gpu}
                style={state === "live" ? { background: colour(shade) } : {}}
                onPointerEnter={() => point(gpu)}
                onClick={() => choose(gpu)}
              />
            ))}
        </div>
      ))}
    </div>
  );
}
