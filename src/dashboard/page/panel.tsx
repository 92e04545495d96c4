import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Properties {
  readonly title: string;
  /** What is shown, in which unit. */
  readonly note: ComponentChildren;
  readonly children: ComponentChildren;
}

/** One labelled part of the page. */
export function Panel({ title, note, children }: Properties) {
  const heading = useId();
  return (
    <section class="panel" aria-labelledby={heading}>
      <div class="panel-head">
        <h2 id={heading}>{title}</h2>
        <p>{note}</p>
      </div>
      {children}
    </section>
  );
}
