import { useEffect, useState } from "preact/hooks";
import { short, time, whole } from "../format.ts";
import { askRoom } from "./ask-room.ts";
import { type MeasuredTraffic, NO_ROOM, type Room, WHATS } from "./room.ts";
import { GpuField } from "./gpu-field.tsx";
import { LimitFields } from "./limit-fields.tsx";
import { NodesTable, TrafficTable } from "./room-tables.tsx";
import { type Limits, slotsText, trafficText, usualLimits } from "./room-text.ts";
import { SlotsChart } from "./slots-chart.tsx";
import { TrafficCharts } from "./traffic-charts.tsx";

interface Properties {
  readonly pool: string;
  readonly nodes: number;
  readonly loadLine: number | null;
  readonly operatorKey: string | null;
}

const ASKED = {
  slots: "Placing the experts on more and fewer slots",
  traffic: "Sending the twin more and less traffic",
  nodes: "Sending the traffic to more and fewer nodes",
};

/** What the pool would come to otherwise. Worked out while it is open only, since that takes a processor for some seconds. */
export function RoomPanel({ pool, nodes, loadLine, operatorKey }: Properties) {
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState(0);
  const [room, setRoom] = useState<Room>(NO_ROOM);
  const [gpu, setGpu] = useState<string | null>(null);
  const [limits, setLimits] = useState<Limits | null>(null);
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    setRoom(({ gpus }) => ({ ...NO_ROOM, gpus }));
    void askAll({ pool, gpu, key: operatorKey }, stop.signal, (found) =>
      setRoom((before) => ({ ...before, ...found })),
    );
    return () => stop.abort();
  }, [open, asked, gpu, pool, operatorKey]);
  const { slots, traffic } = room;
  const next = WHATS.findIndex((what) => room[what] === null);
  return (
    <details class="panel wide room" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Room: what if</summary>
      {next >= 0 ? (
        <p class="working" role="status">
          <progress max={WHATS.length} value={next} aria-label="Questions answered" />
          {ASKED[WHATS[next]]}: {next + 1} of {WHATS.length}.
        </p>
      ) : (
        <p class="working">
          <button type="button" onClick={() => setAsked(asked + 1)}>
            Work it out again
          </button>
          <AsOf room={room} />
        </p>
      )}
      {room.gpus !== null && <GpuField gpus={room.gpus} chosen={gpu} choose={setGpu} />}
      <div class="lead" role="status">
        {traffic !== null &&
          (typeof traffic === "string" ? (
            <p>Other traffic: {traffic}.</p>
          ) : (
            <p>{trafficText(traffic, limits ?? usualLimits(traffic))}</p>
          ))}
        {slots !== null && <p>{typeof slots === "string" ? `Other slots: ${slots}.` : slotsText(slots)}</p>}
      </div>
      {traffic !== null && typeof traffic !== "string" && (
        <LimitFields limits={limits ?? usualLimits(traffic)} change={setLimits} />
      )}
      <Pictures room={room} limits={limits} nodes={nodes} loadLine={loadLine} />
      <Notes room={room} />
    </details>
  );
}

/** One after the other: each in a thread of the gateway. */
async function askAll(
  { pool, gpu, key }: { readonly pool: string; readonly gpu: string | null; readonly key: string | null },
  signal: AbortSignal,
  found: (part: Partial<Room>) => void,
): Promise<void> {
  for (const what of WHATS) {
    const part = await askRoom(pool, what, gpu, key, signal).catch((error: Error) => error.message);
    if (signal.aborted) return;
    found(typeof part === "string" ? { [what]: part } : { [what]: part[what], gpus: part.gpus });
  }
}

interface Shown {
  readonly room: Room;
  readonly limits: Limits | null;
  readonly nodes: number;
  readonly loadLine: number | null;
}

function Pictures({ room, limits, nodes, loadLine }: Shown) {
  const { slots, traffic, nodes: other } = room;
  const tried = traffic !== null && typeof traffic !== "string" && traffic.points.length > 0 ? traffic : null;
  return (
    <>
      <div class="line-charts">
        {slots !== null && typeof slots !== "string" && slots.points.length > 0 && (
          <SlotsChart room={slots} loadLine={loadLine} />
        )}
        {tried !== null && <TrafficCharts room={tried} limits={limits ?? usualLimits(tried)} />}
      </div>
      <div class="side-by-side">
        {tried !== null && <TrafficTable room={tried} />}
        {other !== null && typeof other !== "string" && other.points.length > 0 && (
          <NodesTable room={other} today={nodes} />
        )}
      </div>
    </>
  );
}

/** Those that say something. */
function answersIn(room: Room) {
  return WHATS.map((what) => room[what]).filter((one) => one !== null && typeof one !== "string");
}

function AsOf({ room }: { readonly room: Room }) {
  const first = answersIn(room).at(0);
  if (first === undefined) return null;
  const { traffic } = room;
  return (
    <span class="readout">
      As of {time(first.atMs)}
      {traffic !== null && typeof traffic !== "string" && `: ${measuredText(traffic.measured)}`}
    </span>
  );
}

function measuredText({ requestsPerSecond, promptTokens, answerTokens, seconds }: MeasuredTraffic): string {
  return `${short(requestsPerSecond)} requests/s of ${whole(promptTokens)} + ${whole(answerTokens)} tokens, over ${whole(seconds)} s`;
}

function Notes({ room }: { readonly room: Room }) {
  const answers = answersIn(room);
  const notes = [...new Set(answers.flatMap((answer) => answer.notes))];
  if (answers.some(({ stopped }) => stopped)) notes.push("time was over before everything was tried");
  if (notes.length === 0) return null;
  return <p class="readout">To be known: {notes.join("; ")}.</p>;
}
