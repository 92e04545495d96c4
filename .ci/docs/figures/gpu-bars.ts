import type { ReadonlyNumbers } from "../../../src/lib/readonly-arrays.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import type { Placement } from "../../../src/model/placement.ts";
import { gpuCount, slotCount } from "../../../src/model/topology.ts";
import { box, line, svg, text } from "./drawing.ts";

/** One layer's GPUs, each with what its slots get. */
export interface Panel {
  readonly title: string;
  readonly placement: Placement;
  /** `[slots]` */
  readonly shares: ReadonlyNumbers;
  readonly load: ExpertLoad;
  /** `[gpus]`, written below them; null for none. */
  readonly prices: Float64Array | null;
}

const WIDTH = 230;
const HEIGHT = 130;
const LEFT = 12;
const TOP = 40;
/** Of the mean GPU, at the top of a panel. */
const MOST = 3;

/** Panels side by side: bars by GPU, cut by slot; the mean as a line. */
export function gpuBars(title: string, panels: readonly Panel[]): string {
  const parts = panels.flatMap((panel, i) => drawn(panel, LEFT + i * (WIDTH + 24)));
  const legend = [
    box(LEFT, TOP + HEIGHT + 34, 12, 12, "b"),
    text(LEFT + 17, TOP + HEIGHT + 44, "tokens of one slot's expert; a bar is a GPU", 'class="faint"'),
    line(LEFT + 290, TOP + HEIGHT + 40, LEFT + 320, TOP + HEIGHT + 40, "line"),
    text(LEFT + 326, TOP + HEIGHT + 44, "the mean GPU", 'class="faint"'),
  ];
  return svg(panels.length * (WIDTH + 24) + LEFT, TOP + HEIGHT + 56, title, [...parts, ...legend]);
}

function drawn({ title, placement, shares, load, prices }: Panel, x: number): string[] {
  const { topology, physicalToLogical } = placement;
  const gpus = gpuCount(topology);
  const mean = load.tokens.reduce((sum, tokens) => sum + tokens, 0) / gpus;
  const bar = WIDTH / gpus;
  const bottom = TOP + HEIGHT;
  const parts: string[] = [];
  const loads = new Float64Array(gpus);
  for (let slot = 0; slot < slotCount(topology); slot++) {
    const gpu = Math.floor(slot / topology.slotsPerGpu);
    const tokens = load.tokens[physicalToLogical[slot]] * shares[slot];
    const below = (loads[gpu] / mean / MOST) * HEIGHT;
    const height = (tokens / mean / MOST) * HEIGHT;
    loads[gpu] += tokens;
    parts.push(box(x + gpu * bar + 2, bottom - below - height, bar - 4, height, "b"));
  }
  const fullest = Math.max(...loads);
  const level = `fullest GPU ${(fullest / mean).toFixed(2)} × the mean; balancedness ${(mean / fullest).toFixed(2)}`;
  parts.push(
    text(x, 16, title, 'font-weight="600"'),
    text(x, 31, level, 'class="faint" font-size="10"'),
    line(x, bottom, x + WIDTH, bottom, "axis"),
    line(x, bottom - HEIGHT / MOST, x + WIDTH, bottom - HEIGHT / MOST, "line"),
  );
  for (const [gpu, price] of (prices ?? []).entries())
    parts.push(
      text(
        x + (gpu + 0.5) * bar,
        bottom + 14,
        price.toFixed(2),
        'text-anchor="middle" font-size="9" class="faint"',
      ),
    );
  return parts;
}
