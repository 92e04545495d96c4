import { escaped } from "./escape.ts";

/** Texts in rows, each with a header. */
export interface FigureTable {
  /** What it is about; not seen, but read aloud. */
  readonly caption: string;
  /** The first is that of the row headers. */
  readonly columns: readonly string[];
  readonly rows: readonly FigureRow[];
  /** Cells are words, not figures. */
  readonly words?: true;
}

export interface FigureRow {
  readonly header: string;
  readonly cells: readonly string[];
  /** Columns of cells to show in bold. */
  readonly best?: readonly number[];
}

/** A table that scrolls by itself where the screen is narrow. */
export function tableHtml({ caption, columns, rows, words }: FigureTable): string {
  const kind = words ? "" : ' class="number"';
  const head = columns
    .map((name, i) => `<th scope="col"${i === 0 ? "" : kind}>${escaped(name)}</th>`)
    .join("");
  const body = rows.map((row) => rowHtml(row, kind)).join("\n");
  return `<div class="table-frame" role="group" tabindex="0" aria-label="${escaped(caption)}"><table>
<caption class="unseen">${escaped(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}
</tbody></table></div>`;
}

function rowHtml({ header, cells, best = [] }: FigureRow, kind: string): string {
  const texts = cells.map((text, i) => {
    return `<td${kind}>${best.includes(i) ? `<strong>${escaped(text)}</strong>` : escaped(text)}</td>`;
  });
  return `<tr><th scope="row">${escaped(header)}</th>${texts.join("")}</tr>`;
}
