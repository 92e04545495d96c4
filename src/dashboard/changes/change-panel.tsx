import { NONE } from "../format.ts";
import { measuredText, predictedText, spanText, worthText } from "../decisions/decision-text.ts";
import type { HeldExpert } from "../experts/placed-experts.ts";
import type { DecisionRecord } from "../live/wire.ts";
import { Panel } from "../page/panel.tsx";
import { ChangeList } from "./change-list.tsx";
import { decisionText, summaryText } from "./change-text.ts";
import { GpuMovesChart } from "./gpu-moves.tsx";
import type { ReadChange } from "./placement-change.ts";

interface Properties {
  readonly read: ReadChange;
  /** Null where its record is not kept any more. */
  readonly decision: DecisionRecord | null;
  readonly numbers: readonly number[];
  readonly pointAt: (expert: Pick<HeldExpert, "layer" | "expert"> | null) => void;
}

/** What a decision changed, below the map of it: what came of it, GPU by GPU, and the weightiest experts. */
export function ChangePanel({ read, decision, numbers, pointAt }: Properties) {
  return (
    <Panel
      wide
      title={`What decision ${read.change.decision} changed`}
      note={decision === null ? "" : decisionText(decision)}
    >
      <div class="changes">
        <div>
          <p class="unseen" aria-live="polite">
            {summaryText(read)}
          </p>
          {decision !== null && <Outcome decision={decision} />}
          <GpuMovesChart read={read} />
        </div>
        <ChangeList read={read} numbers={numbers} pointAt={pointAt} />
      </div>
    </Panel>
  );
}

/** What was predicted of it, and measured. */
function Outcome({ decision }: { readonly decision: DecisionRecord }) {
  const figures: readonly [name: string, what: string, value: string | null][] = [
    [
      "Balancedness predicted",
      "For the forecast load, of what was in force and of what was to follow",
      predictedText(decision),
    ],
    ["Measured", `Balancedness, ${spanText(decision)}`, measuredText(decision)],
    ["Gain", "Tokens forwarded more, in parts of all, and how many more its moves need", worthText(decision)],
  ];
  return (
    <dl class="outcome">
      {figures.map(([name, what, value]) => (
        <div key={name} title={what}>
          <dt>{name}</dt>
          <dd>{value ?? NONE}</dd>
        </div>
      ))}
    </dl>
  );
}
