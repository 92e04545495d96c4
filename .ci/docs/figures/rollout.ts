import { chunkLayers } from "../../../src/core/migration/chunk-layers.ts";
import { layerMoves } from "../../../src/core/migration/moves.ts";
import { place } from "../../../src/library/index.ts";
import { type MoeModel, expertBytes } from "../../../src/model/moe-model.ts";
import { box, svg, text } from "./drawing.ts";
import { TOPOLOGY, drawnLoad, drifted } from "./pool.ts";

const LAYERS = 12;
/** Experts that a GPU has room for beside what it uses. */
const STAGED = 2;
const LEFT = 190;
const COLUMN = 62;
const ROW = 26;
const TOP = 40;

const PHASES = [
  { kind: "c", name: "prepare: load beside what is in use" },
  { kind: "b", name: "published: every rank switches" },
  { kind: "a", name: "free what only the former named" },
] as const;

/** The stages of a real rollout: which layers each takes, and what ranks do when. */
export function rolloutFigure(model: MoeModel): string {
  const load = drawnLoad(LAYERS, 5);
  const { placement } = place({ load, topology: TOPOLOGY });
  const later = drifted(load, 6, 0.6);
  const { placement: next } = place({ load: later, topology: TOPOLOGY, previous: placement, maxMoves: 24 });
  const stages = chunkLayers(model, placement, next, STAGED * expertBytes(model));
  const moves = layerMoves(placement, next);
  const parts = stages.flatMap((layers, i) => {
    const y = TOP + i * ROW;
    const moved = layers.reduce((sum, layer) => sum + moves[layer], 0);
    const label = `layers ${layers.join(", ")}: ${moved} moved`;
    return [
      text(0, y + 16, label),
      ...PHASES.map(({ kind }, phase) => box(LEFT + (i * 2 + phase) * COLUMN, y + 3, COLUMN, ROW - 6, kind)),
    ];
  });
  const bottom = TOP + stages.length * ROW + 12;
  const legend = PHASES.flatMap(({ kind, name }, i) => [
    box(i * 250, bottom, 12, 12, kind),
    text(i * 250 + 17, bottom + 10, name, 'class="faint"'),
  ]);
  const title = `A rollout in ${stages.length} stages: no GPU needs room for more than ${STAGED} experts`;
  const width = Math.max(LEFT + (stages.length * 2 + 1) * COLUMN, 760);
  return svg(width, bottom + 24, title, [text(0, 16, title, 'font-weight="600"'), ...parts, ...legend]);
}
