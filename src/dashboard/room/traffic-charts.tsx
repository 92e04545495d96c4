import { short, whole } from "../format.ts";
import type { TrafficPoint, TrafficRoom } from "./room.ts";
import { LineChart } from "./line-chart.tsx";
import type { Limits } from "./room-text.ts";

interface Properties {
  readonly room: TrafficRoom;
  readonly limits: Limits;
}

/** First tokens, and what is carried, by traffic. */
export function TrafficCharts({ room, limits }: Properties) {
  const { points, most } = room;
  const xTicks = points.map(({ factor }) => factor).filter((factor) => Number.isInteger(2 * factor));
  const first = points.flatMap((point) => lineOf(point, point.ttftMs?.p95 ?? null, "first token p95", "ms"));
  const median = points.flatMap((point) => lineOf(point, point.ttftMs?.p50 ?? null, "first token p50", "ms"));
  const tokens = points.flatMap((point) => lineOf(point, point.tokensPerSecond, "carries", "tokens/s"));
  const common = { xName: "traffic × today's", xTicks, today: 1, least: 0 };
  return (
    <>
      <LineChart
        {...common}
        title="First token, ms, by traffic"
        what="From a request's arrival to its first token, as clients of this gateway would see it, by the twin in virtual time at this pool's own clock"
        summary={`Time to the first token, 95th percentile: ${first.map(({ x, y }) => `${whole(y)} ms at ${x} times today's traffic`).join(", ")}.`}
        limit={{ y: limits.ttftMs, name: "what you keep" }}
        yText={short}
        series={[
          { name: "p95", look: "first", points: first },
          { name: "p50", look: "second", points: median },
        ]}
      />
      <LineChart
        {...common}
        title="Tokens/s carried, by traffic"
        what="Prompt and answer tokens that are forwarded a second. Where the line bends, requests queue up without end"
        summary={`Tokens per second: ${tokens.map(({ x, y }) => `${short(y)} at ${x} times today's traffic`).join(", ")}.`}
        limit={most === null || most.atLeast ? null : { y: most.tokensPerSecond, name: "the most" }}
        yText={thousands}
        series={[{ name: "tokens/s", look: "first", points: tokens }]}
      />
    </>
  );
}

function lineOf(point: TrafficPoint, y: number | null, name: string, unit: string) {
  if (y === null) return [];
  const queues = point.keepsUp ? "" : "; requests queue up";
  const text = `${name} ${short(y)} ${unit} at × ${point.factor}, ${short(point.requestsPerSecond)} requests/s${queues}`;
  return [{ x: point.factor, y, text }];
}

function thousands(value: number): string {
  return value >= 10_000 ? `${short(value / 1000)} k` : short(value);
}
