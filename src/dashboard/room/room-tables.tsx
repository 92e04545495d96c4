import { NONE, short, whole } from "../format.ts";
import type { NodesPoint, NodesRoom, TrafficRoom, TwoPercentiles } from "./room.ts";
import { DataTable, NumberHead, TextHead } from "../page/data-table.tsx";

const TIMES = "Median / 95th percentile, milliseconds";
const STEP = "Mean time of a forward pass of the whole pool";

/** All figures of other traffic. */
export function TrafficTable({ room }: { readonly room: TrafficRoom }) {
  return (
    <DataTable
      label="Table of other traffic"
      head={
        <>
          <TextHead name="Traffic" />
          <NumberHead name="Requests/s" what="As many as now, times the factor" />
          <NumberHead name="Tokens/s" what="Prompt and answer tokens that are forwarded" />
          <NumberHead name="Step, ms" what={STEP} />
          <NumberHead name="First token, ms" what={TIMES} />
          <NumberHead name="Between tokens, ms" what={TIMES} />
        </>
      }
    >
      {room.points.map(({ factor, requestsPerSecond, tokensPerSecond, keepsUp, ...point }) => (
        <tr key={factor} class={factor === 1 ? "is-today" : undefined}>
          <th scope="row">
            × {factor}
            {factor === 1 && " (today)"}
            {!keepsUp && <small> queues up</small>}
          </th>
          <td class="number">{short(requestsPerSecond)}</td>
          <td class="number">{whole(tokensPerSecond)}</td>
          <TimeCells {...point} />
        </tr>
      ))}
    </DataTable>
  );
}

/** The same traffic on other nodes. */
export function NodesTable({ room, today }: { readonly room: NodesRoom; readonly today: number }) {
  return (
    <DataTable
      label="Table of other nodes"
      head={
        <>
          <TextHead name="Today's traffic on" />
          <NumberHead name="Slots a GPU" what="As many as now, or as many more as hold all experts" />
          <NumberHead name="Step, ms" what={STEP} />
          <NumberHead name="First token, ms" what={TIMES} />
          <NumberHead name="Between tokens, ms" what={TIMES} />
          <NumberHead
            name="Most tokens/s"
            what="When more comes than it can take, and times today's traffic"
          />
        </>
      }
    >
      {room.points.map((point) => (
        <NodesRow key={point.nodes} point={point} isToday={point.nodes === today} />
      ))}
    </DataTable>
  );
}

function NodesRow({ point, isToday }: { readonly point: NodesPoint; readonly isToday: boolean }) {
  const { nodes, gpus, slotsPerGpu, why, most } = point;
  return (
    <tr class={isToday ? "is-today" : undefined}>
      <th scope="row">
        {nodes} {nodes === 1 ? "node" : "nodes"} × {gpus / nodes} GPUs{isToday && " (today)"}
      </th>
      {why === null ? (
        <>
          <td class="number">{slotsPerGpu}</td>
          <TimeCells {...point} />
          <td class="number">
            {most === null ? NONE : `${most.atLeast ? "> " : ""}${whole(most.tokensPerSecond)}`}
            {most !== null && <small> × {most.factor.toFixed(2)}</small>}
          </td>
        </>
      ) : (
        <td colSpan={5}>{why}</td>
      )}
    </tr>
  );
}

interface Times {
  readonly stepMs: number | null;
  readonly ttftMs: TwoPercentiles | null;
  readonly itlMs: TwoPercentiles | null;
}

function TimeCells({ stepMs, ttftMs, itlMs }: Times) {
  return (
    <>
      <td class="number">{stepMs === null ? NONE : short(stepMs)}</td>
      <td class="number">{twoText(ttftMs)}</td>
      <td class="number">{twoText(itlMs)}</td>
    </>
  );
}

function twoText(times: TwoPercentiles | null): string {
  return times === null ? NONE : `${short(times.p50)} / ${short(times.p95)}`;
}
