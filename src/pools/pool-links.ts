import type { ServerPoolConfig } from "../config/config.ts";
import { RecorderPull } from "../control/ingest/recorder-pull.ts";
import { RoutedReports } from "../control/ingest/routed-reports.ts";
import { SglangRecorder } from "../engines/sglang/recorder.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import { SketchSharer } from "../serving/sharing/sketch-sharer.ts";
import type { ControlHalf } from "./control-half.ts";
import type { ServingHalf } from "./serving-half.ts";
import type { PoolMakings } from "./surroundings.ts";

/** What a pool's configuration says of how its loads are found out. */
export type LoadSources = Pick<ServerPoolConfig, "servers" | "apiKey" | "recorder" | "routedExperts">;

/**
 * What passes between a pool's halves: epochs to what serves; loads that were seen while serving, what is in flight, and
 * what was learned of requests, to the pool's leader and the other gateways.
 */
export class PoolLinks {
  readonly #stopListening: () => void;
  readonly #countRequests: () => void;
  readonly #parts: readonly { start(): void; stop(): Promise<void> }[];

  /** @param sources null where the ranks are in this process */
  constructor(
    { front, serving }: ServingHalf,
    { loop, inbox }: ControlHalf,
    sources: LoadSources | null,
    { gateway, clock, surroundings: { onFault } }: PoolMakings,
  ) {
    const { view, store, model } = loop;
    if (view.snapshot !== null) front.switchTo(view.snapshot);
    this.#stopListening = view.onSnapshot((snapshot) => front.switchTo(snapshot));
    this.#countRequests = () =>
      loop.countRequestsBy(() => serving.reduce((sum, part) => sum + inFlight(part), 0));
    const { routedLoad: counts, experts } = front;
    const routed =
      sources === null || counts === null
        ? []
        : [new RoutedReports({ store, gateway, counts, part: sources.routedExperts })];
    const sketches = experts === null ? [] : [new SketchSharer(store, experts, view.reading)];
    const recorder = sources?.recorder ?? null;
    if (sources === null || recorder === null || inbox === null) {
      this.#parts = [...routed, ...sketches];
      return;
    }
    const { servers, apiKey } = sources;
    const { directory, intervalMs } = recorder;
    const asked = new SglangRecorder({
      urls: servers.urls,
      access: servers.access,
      apiKey,
      directory,
      model,
    });
    const leading = () => loop.leading;
    const pull = new RecorderPull({ recorder: asked, inbox, leading, intervalMs, clock, onFault });
    this.#parts = [...routed, ...sketches, pull];
  }

  start(): void {
    this.#countRequests();
    for (const part of this.#parts) part.start();
  }

  async stop(): Promise<void> {
    this.#stopListening();
    await Promise.all(this.#parts.map((part) => part.stop()));
  }
}

function inFlight({ states }: ServingPool): number {
  return states.requests.reduce((sum, requests) => sum + requests, 0);
}
