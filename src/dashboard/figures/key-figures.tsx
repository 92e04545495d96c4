import { fixed, NONE, time, whole } from "../format.ts";
import type { HistoryFigures } from "../history/history-row.ts";
import type { PoolState } from "../live/state.ts";
import type { DecisionRecord, PoolReport, TrafficReport } from "../live/wire.ts";
import { type Hops, hopsOf, latest, stepFactor, tokenMean } from "./averages.ts";
import { DEFINITIONS } from "./definitions.ts";
import { Figures, type FigureTexts } from "./figure.tsx";
import { roomText, told } from "./figure-text.tsx";
import { trafficFigures } from "./traffic-figures.tsx";

interface Properties {
  readonly pool: PoolState;
  readonly last: PoolReport;
  readonly traffic: TrafficReport | null;
  /** The last hour as one; null before it is known. */
  readonly hour: HistoryFigures | null;
  readonly alone: boolean;
}

/** The figures a person looks for first, each with what it is to be judged by. */
export function KeyFigures({ pool, last, traffic, hour, alone }: Properties) {
  const now = latest(pool.samples);
  const hops = hopsOf(last.topology);
  const factor = stepFactor(now);
  const line = pool.condition?.loadLine ?? null;
  // What the gateway measures is not told apart by pool.
  const whose = alone ? "" : ", all pools";
  const figures: FigureTexts[] = [
    {
      name: "Tokens per second",
      definition: DEFINITIONS.tokens,
      value: whole(last.tokensPerSecond),
      detail: `step ${fixed(last.stepMs, 1)} ms`,
      hour: told(hour?.tokensPerSecond, whole),
    },
    ...trafficFigures(traffic, hour, whose),
    {
      name: "Balancedness",
      definition: DEFINITIONS.balancedness,
      value: fixed(tokenMean(now, "balancedness"), 3),
      detail: factor === null ? null : `steps ${factor.toFixed(2)} × an even split's`,
      hour: told(hour?.balancedness, (value) => value.toFixed(3)),
    },
    {
      name: "Room to the load line",
      definition: DEFINITIONS.room,
      value: line === null ? NONE : roomText(factor, line),
      detail: line === null ? null : `line at ${line.toFixed(2)} × an even step`,
      hour: line === null ? null : told(hour?.balancedness, (value) => roomText(1 / value, line)),
    },
    {
      name: hops.name,
      definition: DEFINITIONS.hops,
      value: fixed(tokenMean(now, hops.figure), 2),
      detail: hopsBefore(lastMoved(pool.decisions), hops),
      hour: told(hour?.[hops.figure], (value) => value.toFixed(2)),
    },
    moved(pool.decisions),
  ];
  return <Figures label="Key figures" figures={figures} />;
}

function lastMoved(decisions: readonly DecisionRecord[]): DecisionRecord | undefined {
  return decisions.findLast(({ kind, movedSlots }) => kind !== "shares" && movedSlots > 0);
}

function moved(decisions: readonly DecisionRecord[]): FigureTexts {
  const last = lastMoved(decisions);
  return {
    name: "Slots moved",
    definition: DEFINITIONS.moved,
    value: whole(decisions.reduce((sum, { movedSlots }) => sum + movedSlots, 0)),
    detail:
      last === undefined ? "in the decisions kept" : `last ${whole(last.movedSlots)} at ${time(last.atMs)}`,
    hour: null,
  };
}

/** What the last placement found, where it is the same figure. */
function hopsBefore(placement: DecisionRecord | undefined, { figure }: Hops): string | null {
  const before = figure === "nodeHopsPerToken" ? (placement?.before?.nodeHops ?? null) : null;
  if (placement === undefined || before === null) return null;
  return `${fixed(before, 2)} before ${time(placement.atMs)}`;
}
