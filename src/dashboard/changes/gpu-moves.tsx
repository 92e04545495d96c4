import { useCursor } from "../grid/use-cursor.ts";
import { bytes, whole } from "../format.ts";
import type { GpuMoves, ReadChange } from "./placement-change.ts";

/** What came to each GPU, upwards, and what went, downwards. */
export function GpuMovesChart({ read }: { readonly read: ReadChange }) {
  const { gpus, change } = read;
  const cursor = useCursor(1, gpus.length);
  const most = Math.max(1, ...gpus.flatMap(({ came, went }) => [came, went]));
  const text = ({ gpu, came, went }: GpuMoves) =>
    `GPU ${gpu}: ${whole(came)} ${came === 1 ? "replica" : "replicas"} came${came === 0 ? "" : ` (${bytes(came * change.expertBytes)})`}, ${whole(went)} went`;
  const height = (count: number) => `${(count / most) * 100}%`;
  const pointed = cursor.cell === null ? null : gpus[cursor.cell.column];
  const words = pointed === null ? mostText(gpus, text) : text(pointed);
  return (
    <div class="gpu-moves">
      <div
        class="gpu-moves-bars"
        tabIndex={0}
        role="group"
        aria-roledescription="bar chart"
        aria-label={`Replicas that came to each of ${gpus.length} GPUs, and that went. ${mostText(gpus, text)} Arrow keys read single GPUs.`}
        onKeyDown={cursor.onKeyDown}
        onBlur={() => cursor.point(null)}
        onPointerLeave={() => cursor.point(null)}
      >
        {gpus.map(({ gpu, came, went }) => (
          <div
            key={gpu}
            class={gpu === pointed?.gpu ? "pair pointed-at" : "pair"}
            onPointerEnter={() => cursor.point({ row: 0, column: gpu })}
          >
            <span class="half">
              <i class="came" style={{ height: height(came) }} />
            </span>
            <span class="half down">
              <i class="went" style={{ height: height(went) }} />
            </span>
          </div>
        ))}
      </div>
      <p
        class="readout"
        title="Came: slots whose expert this GPU did not hold in the layer, with the bytes of the weights. Went: replicas that it does not hold any more"
      >
        By GPU, came above and went below the line, up to {whole(most)}. {words}
      </p>
      <p class="unseen" aria-live="polite">
        {cursor.byKeys && words}
      </p>
    </div>
  );
}

/** The GPU that most came to. */
function mostText(gpus: readonly GpuMoves[], text: (one: GpuMoves) => string): string {
  const most = gpus.reduce<GpuMoves | null>(
    (best, one) => (best === null || one.came + one.went > best.came + best.went ? one : best),
    null,
  );
  return most === null ? "" : `Most at ${text(most)}.`;
}
