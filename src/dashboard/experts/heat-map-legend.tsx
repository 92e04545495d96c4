import type { ReadChange } from "../changes/placement-change.ts";
import { CHANGE_KINDS, type ChangesBy, kindColour } from "../changes/change-map.ts";
import { KIND_TITLES, KIND_WORDS } from "../changes/change-text.ts";
import { whole } from "../format.ts";
import type { MapScale } from "./map-scale.ts";

/** What the colours of loads mean, from end to end. */
export function ScaleLegend({ scale }: { readonly scale: MapScale }) {
  return (
    <span class="legend">
      {scale.title}
      <span class="legend-scale" style={{ background: scale.colours ?? "none" }}>
        {scale.ticks.map(({ at, label }) => (
          <span key={at} style={{ left: `${at * 100}%` }}>
            {label}
          </span>
        ))}
      </span>
    </span>
  );
}

interface KindProperties {
  readonly read: ReadChange;
  readonly by: ChangesBy;
  readonly dark: boolean;
}

/** Kinds of changes, by colour and by name, and how many of each. */
export function KindLegend({ read, by, dark }: KindProperties) {
  const counts = new Map<string, number>();
  for (const { kind } of read[by].values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return (
    <span class="kinds">
      {CHANGE_KINDS.map((kind) => (
        <span key={kind} title={KIND_WORDS[by][kind]}>
          <i style={{ background: kindColour(kind, dark) }} />
          {by === "slots" && kind === "lost" ? "emptied" : KIND_TITLES[kind]} {whole(counts.get(kind) ?? 0)}
        </span>
      ))}
    </span>
  );
}
