import { useCursor } from "../grid/use-cursor.ts";
import type { PoolReport } from "../live/wire.ts";
import { GpuBars } from "./gpu-bars.tsx";
import type { GpuCost } from "./gpu-cost.ts";
import { GpuGrid } from "./gpu-grid.tsx";
import type { GpuPicture } from "./gpu-measures.ts";

/** More have a cell each, where bars would be hairs. */
const MOST_BARS = 64;

interface Properties {
  readonly costs: readonly GpuCost[];
  readonly picture: GpuPicture;
  readonly topology: PoolReport["topology"];
  /** Of the whole, for a person. */
  readonly label: string;
  /** What is said while nothing is pointed at. */
  readonly rest: string;
  readonly words: (cost: GpuCost) => string;
  readonly shown: GpuCost | null;
  readonly choose: (gpu: number) => void;
  /** GPUs to mark. */
  readonly marked: readonly number[];
}

/** All GPUs, of which each can be read and chosen. */
export function GpuChart({
  costs,
  picture,
  topology,
  label,
  rest,
  words,
  shown,
  choose,
  marked,
}: Properties) {
  const cursor = useCursor(1, costs.length);
  const pointed = cursor.cell === null ? null : costs[cursor.cell.column];
  const said = pointed === null ? null : words(pointed);
  const Chart = costs.length > MOST_BARS ? GpuGrid : GpuBars;
  return (
    <>
      <div
        class="gpu-chart"
        tabIndex={0}
        role="group"
        aria-roledescription="bar chart"
        aria-label={`${label} Arrow keys read single GPUs, Enter chooses one.`}
        onKeyDown={(event) => {
          if (event.key === "Enter" && cursor.cell !== null) choose(cursor.cell.column);
          else cursor.onKeyDown(event);
        }}
        onBlur={() => cursor.point(null)}
        onPointerLeave={() => cursor.point(null)}
      >
        <Chart
          picture={picture}
          topology={topology}
          chosen={shown?.gpu ?? null}
          pointed={cursor.cell?.column ?? null}
          marked={marked}
          point={(gpu) => cursor.point({ row: 0, column: gpu })}
          choose={choose}
        />
      </div>
      <p class="readout">{said ?? rest}</p>
      <p class="unseen" aria-live="polite">
        {cursor.byKeys && said}
      </p>
    </>
  );
}
