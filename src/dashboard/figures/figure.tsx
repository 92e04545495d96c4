import type { ComponentChildren } from "preact";

/** One figure, and what it is to be judged by. */
export interface FigureTexts {
  readonly name: string;
  /** What it is, and its unit. */
  readonly definition: string;
  readonly value: ComponentChildren;
  readonly detail: string | null;
  /** The same over the last hour; null where it is not known. */
  readonly hour: string | null;
}

export function Figures({
  label,
  figures,
}: {
  readonly label: string;
  readonly figures: readonly FigureTexts[];
}) {
  return (
    <section aria-label={label}>
      <dl class="figures">
        {figures.map(({ name, definition, value, detail, hour }) => (
          <div class="figure" key={name} title={definition}>
            <dt>{name}</dt>
            <dd class="value">{value}</dd>
            <dd class="detail">{detail}</dd>
            {/* Room for it, so that the page does not jump when it comes. */}
            <dd class="detail">{hour === null ? "\u00a0" : `1 h: ${hour}`}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
