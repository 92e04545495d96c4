import { fixed, NONE, percent, short, whole } from "../format.ts";
import type { HistoryFigures } from "../history/history-row.ts";
import type { Hops } from "./averages.ts";
import { DEFINITIONS } from "./definitions.ts";
import { Figures, type FigureTexts } from "./figure.tsx";
import { latencyOf, latencyTexts, roomText } from "./figure-text.tsx";

interface Properties {
  readonly row: HistoryFigures;
  readonly hops: Hops;
  /** As it is now; null where it is not known. */
  readonly loadLine: number | null;
}

/** The figures of a moment that is past. */
export function PastFigures({ row, hops, loadLine }: Properties) {
  const { balancedness, requestsPerSecond, failedPerSecond, peak } = row;
  const factor = balancedness === null || balancedness === 0 ? null : 1 / balancedness;
  const figures: Omit<FigureTexts, "hour">[] = [
    {
      name: "Tokens per second",
      definition: DEFINITIONS.tokens,
      value: row.tokensPerSecond === null ? NONE : whole(row.tokensPerSecond),
      detail: `step ${fixed(row.stepMs, 1)} ms`,
    },
    {
      name: "Requests per second",
      definition: DEFINITIONS.requests,
      value: requestsPerSecond === null ? NONE : short(requestsPerSecond),
      detail: failedPerSecond === null ? null : `${short(failedPerSecond)} failed`,
    },
    { name: "Time to first token", definition: DEFINITIONS.ttft, ...latencyTexts(latencyOf(row, "ttft")) },
    { name: "Inter-token latency", definition: DEFINITIONS.itl, ...latencyTexts(latencyOf(row, "itl")) },
    {
      name: "Balancedness",
      definition: DEFINITIONS.balancedness,
      value: fixed(balancedness, 3),
      detail: factor === null ? null : `steps ${factor.toFixed(2)} × an even split's`,
    },
    {
      name: "Room to the load line",
      definition: DEFINITIONS.room,
      value: loadLine === null ? NONE : roomText(factor, loadLine),
      detail: loadLine === null ? null : `line at ${loadLine.toFixed(2)} × an even step`,
    },
    {
      name: hops.name,
      definition: DEFINITIONS.hops,
      value: fixed(row[hops.figure], 2),
      detail: peak === null ? null : `fullest GPU ${peak.toFixed(2)} × the mean`,
    },
    {
      name: "Requests running",
      definition: DEFINITIONS.queue,
      value: row.running === null ? NONE : whole(row.running),
      detail:
        row.waiting === null || row.kvUse === null
          ? null
          : `${whole(row.waiting)} waited · KV cache ${percent(row.kvUse)}`,
    },
  ];
  return <Figures label="Key figures of then" figures={figures.map((one) => ({ ...one, hour: null }))} />;
}
