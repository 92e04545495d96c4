import { escaped } from "./escape.ts";
import { type FigureTable, tableHtml } from "./figure-table.ts";

/** One bar, with what it is before it and its figure behind it. */
export interface Bar {
  readonly name: string;
  readonly text: string;
  /** Of the whole width, 0..1. */
  readonly part: number;
  /** How it is filled: as a policy's line is drawn, or hatched for what is not there. */
  readonly fill: "plimsoll" | "eplb" | "none" | "hatched";
}

export interface BarList {
  readonly title: string;
  /** Unit, and what else is to be known, in a few words. */
  readonly unit: string;
  readonly bars: readonly Bar[];
  /** A line across all bars, and what it is. */
  readonly line: { readonly part: number; readonly label: string } | null;
  /** For whoever cannot see it: what it shows, in a sentence. */
  readonly says: string;
  /** The same in figures; null where the bars have all of it written. */
  readonly table: FigureTable | null;
}

/** Bars below each other as HTML: text beside them keeps its size on any screen. */
export function barListHtml({ title, unit, bars, line, says, table }: BarList): string {
  const mark = line === null ? "" : `<span class="bar-line" style="left:${percent(line.part)}"></span>`;
  const rows = bars.map(
    ({ name, text, part, fill }) => `<div class="bar-row"><span>${escaped(name)}</span>
<span class="bar-track"><span class="bar ${fill}" style="width:${percent(part)}"></span>${mark}</span>
<span class="bar-text">${escaped(text)}</span></div>`,
  );
  const legend = line === null ? "" : `<p class="bar-legend">${escaped(line.label)}</p>\n`;
  const figures =
    table === null
      ? ""
      : `<details><summary>In figures<span class="unseen">: ${escaped(title)}</span></summary>${tableHtml(table)}</details>`;
  return `<figure class="chart">
<figcaption><strong>${escaped(title)}</strong> <span>${escaped(unit)}</span></figcaption>
<div class="bars" role="img" aria-label="${escaped(says)}">
${rows.join("\n")}
</div>
${legend}${figures}</figure>`;
}

function percent(part: number): string {
  return `${Math.round(Math.min(1, Math.max(0, part)) * 1e4) / 100}%`;
}
