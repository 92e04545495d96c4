import type { Axis } from "./axis.ts";
import { escaped } from "./escape.ts";
import { type FigureTable, tableHtml } from "./figure-table.ts";
import { linePath } from "./thin-line.ts";
import { pathNumber } from "./path-number.ts";

export interface ChartLine {
  /** The policy's word: gives colour and dashes. */
  readonly policy: string;
  /** By their x, ascending. */
  readonly points: Iterable<readonly [x: number, y: number | null]>;
}

/** A vertical line: something that changed. */
export interface Mark {
  readonly x: number;
  readonly label: string;
}

/** A short line at the bottom, in a policy's colour. */
export interface Notch {
  readonly x: number;
  readonly policy: string;
}

export interface Chart {
  readonly title: string;
  /** Unit, and what else is to be known, in a few words. */
  readonly unit: string;
  readonly xTitle: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly ChartLine[];
  readonly marks: readonly Mark[];
  readonly notches: readonly Notch[];
  /** For whoever cannot see it: what it shows, in a sentence. */
  readonly says: string;
  /** The same in figures. */
  readonly table: FigureTable;
}

/** Units of the drawing; it is stretched to the width there is, and its lines are not. */
const WIDTH = 600;
const HEIGHT = 200;
const NOTCH = 10;
/** More labels would hide each other. */
const MOST_LABELS = 4;

/** A chart as HTML: lines in SVG, text around it, so that letters keep their size on any screen. */
export function chartHtml(chart: Chart): string {
  const { title, unit, xTitle, x, y, says } = chart;
  const ticks = (axis: Axis, side: "left" | "bottom") =>
    axis.ticks
      .map(({ place, label, minor }) => {
        const kind = minor ? ' class="minor"' : "";
        return `<span${kind} style="${side}:${percent(place)}">${escaped(label)}</span>`;
      })
      .join("");
  return `<figure class="chart">
<figcaption><strong>${escaped(title)}</strong> <span>${escaped(unit)}</span></figcaption>
<div class="frame">
<div class="y-ticks" aria-hidden="true">${ticks(y, "bottom")}</div>
<div class="plot"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escaped(says)}">
${drawing(chart)}
</svg>${labels(chart)}</div>
<div class="x-ticks" aria-hidden="true">${ticks(x, "left")}</div>
<div class="x-title" aria-hidden="true">${escaped(xTitle)}</div>
</div>
<details><summary>In figures<span class="unseen">: ${escaped(title)}</span></summary>${tableHtml(chart.table)}</details>
</figure>`;
}

function drawing({ x, y, lines, marks, notches }: Chart): string {
  const across = (value: number) => pathNumber(x.at(value) * WIDTH);
  const grid = y.ticks.map(({ place }) => `M0 ${pathNumber((1 - place) * HEIGHT)}h${WIDTH}`).join("");
  const parts = [`<path class="grid" d="${grid}"/>`];
  for (const mark of shown(marks, x)) {
    parts.push(`<path class="mark" d="M${across(mark.x)} 0v${HEIGHT}"/>`);
  }
  for (const policy of new Set(notches.map((notch) => notch.policy))) {
    const own = notches.filter((notch) => notch.policy === policy);
    const places = new Set(shown(own, x).map((notch) => Math.round(x.at(notch.x) * WIDTH)));
    const d = [...places].map((place) => `M${place} ${HEIGHT}v-${NOTCH}`).join("");
    if (d !== "") parts.push(`<path class="notch ${escaped(policy)}" d="${d}"/>`);
  }
  for (const { policy, points } of lines) {
    parts.push(`<path class="line ${escaped(policy)}" d="${linePath(pixels(points, x, y))}"/>`);
  }
  return parts.join("\n");
}

function* pixels(points: ChartLine["points"], x: Axis, y: Axis) {
  for (const [at, value] of points) {
    yield { x: x.at(at) * WIDTH, y: value === null ? null : (1 - y.at(value)) * HEIGHT };
  }
}

function labels({ x, marks }: Chart): string {
  const there = shown(marks, x);
  if (there.length > MOST_LABELS) return "";
  return there
    .map((mark) => {
      const place = x.at(mark.x);
      const side = place > 0.5 ? `right:${percent(1 - place)}` : `left:${percent(place)}`;
      return `<span class="mark-label" aria-hidden="true" style="${side}">${escaped(mark.label)}</span>`;
    })
    .join("");
}

function shown<T extends { readonly x: number }>(all: readonly T[], x: Axis): readonly T[] {
  return all.filter((one) => x.at(one.x) >= 0 && x.at(one.x) <= 1);
}

function percent(part: number): string {
  return `${Math.round(part * 1e4) / 100}%`;
}
