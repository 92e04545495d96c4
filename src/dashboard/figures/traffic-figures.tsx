import { fixed, NONE, short, whole } from "../format.ts";
import type { HistoryFigures } from "../history/history-row.ts";
import type { Percentiles, TrafficReport } from "../live/wire.ts";
import { DEFINITIONS } from "./definitions.ts";
import type { FigureTexts } from "./figure.tsx";
import { latencyOf, latencyTexts, told } from "./figure-text.tsx";

/**
 * What the gateway measures, over all pools.
 * @param hour the same over the last hour, of one pool; null where it is not known
 * @param whose what is added to their names
 */
export function trafficFigures(
  traffic: TrafficReport | null,
  hour: HistoryFigures | null,
  whose: string,
): FigureTexts[] {
  return [
    {
      name: `Requests in flight${whose}`,
      definition: DEFINITIONS.inFlight,
      value: traffic === null ? NONE : whole(traffic.inFlight),
      detail:
        traffic && `${fixed(traffic.requestsPerSecond, 1)} per second · ${whole(traffic.failed)} failed`,
      hour: told(hour?.requestsPerSecond, (value) => `${short(value)} per second`),
    },
    latency(`Time to first token${whose}`, "ttft", traffic?.ttftMs ?? null, hour),
    latency(`Inter-token latency${whose}`, "itl", traffic?.itlMs ?? null, hour),
  ];
}

function latency(
  name: string,
  which: "ttft" | "itl",
  now: Percentiles | null,
  hour: HistoryFigures | null,
): FigureTexts {
  const past = hour === null ? null : latencyOf(hour, which);
  const hourText = past === null ? null : [past.p50, past.p95, past.p99].map(short).join(" / ");
  return { name, definition: DEFINITIONS[which], ...latencyTexts(now), hour: hourText };
}
