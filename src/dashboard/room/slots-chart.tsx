import type { SlotsPoint, SlotsRoom } from "./room.ts";
import { LineChart } from "./line-chart.tsx";

const FACTOR =
  "Time of the experts of a step over that with all GPUs level: the sum of the layers' fullest GPUs over the sum of the mean ones";

interface Properties {
  readonly room: SlotsRoom;
  readonly loadLine: number | null;
}

/** Steps and the fullest GPU, by redundant slots. */
export function SlotsChart({ room, loadLine }: Properties) {
  const { now, points } = room;
  if (now === null) return null;
  const of = (figure: "stepFactor" | "fullestGpu", name: string) =>
    points.map((point) => ({
      x: point.redundant,
      y: point[figure],
      text: `${name} ${point[figure].toFixed(3)} × with ${slotsOf(point)}`,
    }));
  return (
    <LineChart
      title="Level, by redundant slots"
      what={`${FACTOR}. Fullest GPU: its load over all layers, over the mean GPU's. Experts placed anew for the load as it is.`}
      summary={`Steps take ${points.map((point) => `${point.stepFactor.toFixed(2)} times as long as level with ${point.redundant} redundant slots`).join(", ")}. Today ${now.redundant}, and ${now.stepFactor.toFixed(2)}.`}
      xName="redundant slots of a layer"
      xTicks={points.map(({ redundant }) => redundant)}
      today={now.redundant}
      least={1}
      limit={loadLine === null ? null : { y: loadLine, name: `load line ${loadLine} ×` }}
      yText={(value) => `${value.toFixed(2)} ×`}
      series={[
        { name: "steps", look: "first", points: of("stepFactor", "steps") },
        { name: "fullest GPU", look: "second", points: of("fullestGpu", "fullest GPU") },
        {
          name: "steps in force",
          look: "ring",
          points: [
            {
              x: now.redundant,
              y: now.stepFactor,
              text: `steps ${now.stepFactor.toFixed(3)} × with what is in force`,
            },
          ],
        },
      ]}
    />
  );
}

function slotsOf({ redundant, slotsPerGpu, throughput }: SlotsPoint): string {
  const tokens = throughput === null ? "" : `; full steps forward ${throughput.toFixed(3)} × today's tokens`;
  return `${redundant} redundant slots, ${slotsPerGpu} on each GPU${tokens}`;
}
