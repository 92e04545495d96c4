import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Properties {
  readonly title: string;
  /** What is shown, in which unit. */
  readonly note: ComponentChildren;
  readonly children: ComponentChildren;
  /** All columns are its. */
  readonly wide?: boolean;
}

/** One labelled part of the page. */
export function Panel({ title, note, children, wide = false }: Properties) {
  const heading = useId();
  return (
    <section class={wide ? "panel wide" : "panel"} aria-labelledby={heading}>
      <div class="panel-head">
        <h2 id={heading}>{title}</h2>
        <p>{note}</p>
      </div>
      {children}
    </section>
  );
}
