import { type HeldExpert, type Placed, heaviest, replicasOf } from "../experts/placed-experts.ts";
import { list, percent } from "../format.ts";
import type { GpuCost } from "./gpu-cost.ts";
import { layerText } from "./gpu-text.ts";

const ROWS = 6;
const NAMED = 6;

interface Properties {
  readonly cost: GpuCost;
  /** Else it is the one that steps wait for most. */
  readonly byPerson: boolean;
  readonly release: () => void;
  readonly placed: Placed | null;
  /** `[layers][experts]` */
  readonly load: readonly (readonly number[])[];
  readonly numbers: readonly number[];
  readonly pointAt: (expert: Pick<HeldExpert, "layer" | "expert"> | null) => void;
}

/** The experts that fill one GPU, with where else they are. */
export function WhyStrip({ cost, byPerson, release, placed, load, numbers, pointAt }: Properties) {
  const { gpu } = cost;
  const held = placed === null ? null : heaviest(placed, load, gpu, ROWS);
  return (
    <section class="why" aria-label={`What fills GPU ${gpu}`}>
      <h3 title="Experts by what this GPU has of them, relative to a GPU's even part of the layer">
        {byPerson ? `What fills GPU ${gpu}` : `Steps wait most for GPU ${gpu}`}
        {byPerson && (
          <button type="button" onClick={release}>
            back to the one steps wait for
          </button>
        )}
      </h3>
      {held === null || placed === null ? (
        <p class="readout">Its experts appear with the placement.</p>
      ) : (
        <ul>
          {held.map(({ layer, expert, load: times }) => (
            <li key={`${layer} ${expert}`}>
              <button
                type="button"
                onFocus={() => pointAt({ layer, expert })}
                onBlur={() => pointAt(null)}
                onPointerEnter={() => pointAt({ layer, expert })}
                onPointerLeave={() => pointAt(null)}
              >
                <span class="weight" style={{ "--part": Math.min(1, times / 2) }} />
                {layerText(layer, numbers)}, expert {expert}: {times.toFixed(2)} ×
                <small>{replicasText(placed, layer, expert, gpu)}</small>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Where else it is, and how its tokens are shared. */
function replicasText(placed: Placed, layer: number, expert: number, here: number): string {
  const replicas = replicasOf(placed, layer, expert);
  if (replicas.length === 1) return "its only replica";
  const share = replicas.find(({ gpu }) => gpu === here)?.share ?? 0;
  const others = replicas
    .filter(({ gpu }) => gpu !== here)
    .map(({ gpu, share: part }) => `GPU ${gpu} ${percent(part)}`);
  return `${percent(share)} of its tokens; ${list(others, NAMED)}`;
}
