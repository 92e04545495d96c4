import { setImmediate } from "node:timers/promises";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { LocalPlanner } from "../../../src/control/plan/local-planner.ts";
import type { Outlook, PlannerOptions } from "../../../src/control/plan/planner.ts";
import {
  type LoadMessage,
  decodeMessage,
  encodeMessage,
} from "../../../src/control/messages/pool-message.ts";
import { poolReport } from "../../../src/control/lead/pool-report.ts";
import { ReportedPlane } from "../../../src/control/ingest/reported-plane.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import type { PoolWindow } from "../../../src/model/pool-window.ts";
import type { RoutingSnapshot } from "../../../src/model/snapshot.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/model/snapshot-bytes.ts";
import { readStream } from "./event-readers.ts";

export interface PieceTimes {
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

/** Measures every synchronous piece of a control round that runs on the gateway's thread, one by one. */
export async function gatewayPieces(
  options: PlannerOptions,
  windows: readonly PoolWindow[],
  rounds: number,
): Promise<Record<string, PieceTimes>> {
  const { model, topology, cadence } = options;
  const planner = new LocalPlanner(options, 0);
  const capacity = fullCapacity(topology);
  const plane = new ReportedPlane("bench", { model, topology, dispatch: "shares" });
  const events = await readStream();
  const times = new Map<string, number[]>();
  const timed = <T>(piece: string, run: () => T): T => {
    const from = performance.now();
    const value = run();
    const ms = performance.now() - from;
    times.set(piece, [...(times.get(piece) ?? []), ms]);
    return value;
  };

  for (let round = 1; round <= rounds; round++) {
    const window = crossing(timed, "window from the pool's thread", null, windows[round % windows.length]);
    const question = { nowMs: round * cadence.placementMs, windows: [window], decide: true, capacity };
    crossing(timed, null, "round to the planner's thread", {
      kind: "ask",
      question: "plan",
      about: [question],
    });
    const outlook: Outlook = crossing(
      timed,
      "outlook from the planner's thread",
      null,
      await planner.plan(question),
    );
    const { decision, expertLoad } = outlook;
    if (decision === null) throw new Error("every round of the benchmark decides");
    planner.accept(decision.plan);
    const { placement, replicas, shares } = decision.plan;
    const change = {
      kind: "placement",
      reason: decision.reason,
      atMs: 0,
      movedSlots: 0,
      movedBytes: 0,
    } as const;
    const published = { pool: "bench", model: model.name, epoch: round, change, placement, replicas, shares };
    const bytes = timed("snapshot to the store", () => encodeSnapshot({ ...published, missing: [] }));
    const snapshot: RoutingSnapshot = timed("snapshot from the store", () => decodeSnapshot(bytes));
    crossing(timed, null, "snapshot to the pool's thread", { kind: "switchTo", snapshot });
    plane.commit(snapshot);
    const context = {
      atMs: 0,
      layerNumbers: model.moeLayers,
      topk: model.topk,
      expertLoad,
      movedSlots: 0,
      placedAtMs: null,
      decision: decision.reason,
      explanation: decision.explanation,
      lagMs: null,
      loads: null,
      beside: null,
    };
    const report = timed("report", () => poolReport(snapshot, window, context));
    timed("report to a reader of the event stream", () => events.stream.send("report", report));

    const message = encodeMessage({
      kind: "load",
      from: "bench",
      sampled: false,
      reported: [],
      spanMs: 1000,
      tokens: Float32Array.from(window.load.tokens),
      received: [],
      engines: [],
      sent: [],
    });
    timed("load that engines have posted", () =>
      plane.receive(decodeMessage(message, plane.shape) as LoadMessage),
    );
    // An async function runs to its first await when called; this one has none.
    await timed("window of the posted loads", () => plane.observe());
    await setImmediate();
  }
  await events.close();
  return Object.fromEntries([...times].map(([piece, values]) => [piece, summary(values)]));
}

/** Sends a value through a channel, as to a thread; times the encoding, the decoding or both, where they are named. */
function crossing<T>(
  timed: <V>(piece: string, run: () => V) => V,
  decoding: string | null,
  encoding: string | null,
  value: T,
): T {
  const { port1, port2 } = new MessageChannel();
  const send = () => port1.postMessage(value);
  if (encoding === null) send();
  else timed(encoding, send);
  const receive = () => receiveMessageOnPort(port2);
  const received = decoding === null ? receive() : timed(decoding, receive);
  port1.close();
  return (received as { message: T }).message;
}

function summary(values: readonly number[]): PieceTimes {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))];
  return { medianMs: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}
