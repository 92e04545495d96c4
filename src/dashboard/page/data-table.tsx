import type { ComponentChildren } from "preact";

interface Properties {
  /** What it is a table of, for those who hear the page. */
  readonly label: string;
  readonly kind?: string;
  readonly caption?: string;
  /** A cell of the head for each column. */
  readonly head: ComponentChildren;
  /** The rows. */
  readonly children: ComponentChildren;
}

/** A table in a frame of its own, which scrolls, by keys too, where the table is larger. */
export function DataTable({ label, kind, caption, head, children }: Properties) {
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label={label}>
      <table class={kind}>
        {caption !== undefined && <caption>{caption}</caption>}
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

interface HeadProperties {
  readonly name: string;
  /** What the column's figures are. */
  readonly what?: string;
}

export function TextHead({ name, what }: HeadProperties) {
  return (
    <th scope="col" title={what}>
      {name}
    </th>
  );
}

export function NumberHead({ name, what }: HeadProperties) {
  return (
    <th scope="col" class="number" title={what}>
      {name}
    </th>
  );
}
