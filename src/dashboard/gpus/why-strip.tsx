import type { HeldExpert } from "../experts/placed-experts.ts";
import type { HeldText } from "./held-experts.ts";

interface Properties {
  readonly gpu: number;
  /** Else it is the one that steps wait for most. */
  readonly byPerson: boolean;
  readonly release: () => void;
  /** Null where it is not known. */
  readonly held: readonly HeldText[] | null;
  /** What is said then. */
  readonly without: string;
  readonly past?: boolean;
  readonly pointAt: (expert: Pick<HeldExpert, "layer" | "expert"> | null) => void;
}

/** The experts that fill one GPU, with where else they are. */
export function WhyStrip({ gpu, byPerson, release, held, without, past = false, pointAt }: Properties) {
  const what = past ? `What filled GPU ${gpu}` : `What fills GPU ${gpu}`;
  const most = past ? `Steps waited most for GPU ${gpu}` : `Steps wait most for GPU ${gpu}`;
  return (
    <section class="why" aria-label={what}>
      <h3 title="Experts by what this GPU has of them, relative to a GPU's even part of the layer">
        {byPerson ? what : most}
        {byPerson && (
          <button type="button" onClick={release}>
            back to the one steps {past ? "waited" : "wait"} for
          </button>
        )}
      </h3>
      {held === null ? <p class="readout">{without}</p> : <HeldList held={held} pointAt={pointAt} />}
    </section>
  );
}

export function HeldList({ held, pointAt }: Pick<Properties, "pointAt"> & { held: readonly HeldText[] }) {
  return (
    <ul>
      {held.map(({ at, name, times, where }) => {
        const said = (
          <>
            <span class="weight" style={{ "--part": Math.min(1, times / 2) }} />
            {name}: {times.toFixed(2)} ×<small>{where}</small>
          </>
        );
        return (
          <li key={name}>
            {at === null ? (
              <p class="expert">{said}</p>
            ) : (
              <button
                type="button"
                class="expert"
                onFocus={() => pointAt(at)}
                onBlur={() => pointAt(null)}
                onPointerEnter={() => pointAt(at)}
                onPointerLeave={() => pointAt(null)}
              >
                {said}
              </button>
            )}
          </li>
        );
      })}
    </ul>
  );
}
