import type { Config, ExpertGroup } from "../config/config.ts";
import { ControlLoop } from "../control/control-loop.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { ExpertPlane } from "../control/expert-plane.ts";
import type { PoolView } from "../control/follow/pool-view.ts";
import type { TermLimits } from "../control/lead/term-limits.ts";
import { LoadInbox } from "../control/ingest/load-inbox.ts";
import { SentRows } from "../control/ingest/sent-rows.ts";
import { PlannerThread } from "../control/plan/planner-thread.ts";
import { policyBy } from "../core/planning/balance-policy.ts";
import type { Machine } from "../core/planning/machine.ts";
import type { PoolMakings } from "./surroundings.ts";
import type { Simulation } from "../model/simulation.ts";
import { usualStagingBytes } from "../model/staging.ts";

/** What others read of the settings that a reload may change. */
type Published = Pick<Config["control"], "loadLine" | "prepareTimeoutMs">;

/** The half of a pool that decides: this gateway's part in the pool's control. */
export class ControlHalf implements ControlledPool {
  /** What it was made of, as one text: with anything else there another takes its place. */
  readonly settings: string;
  readonly loop: ControlLoop;
  readonly inbox: LoadInbox | null;
  readonly simulation: Simulation | null;
  /** Whether it goes by the view of the half whose place it is to take. */
  readonly sharesView: boolean;
  #receives = false;
  #goesBy: Published;

  constructor(
    settings: string,
    loop: ControlLoop,
    goesBy: Published,
    inbox: LoadInbox | null,
    { simulation, view }: Pick<ControlOrigin, "simulation" | "view">,
  ) {
    this.settings = settings;
    this.sharesView = view !== null;
    this.simulation = simulation;
    this.loop = loop;
    this.#goesBy = goesBy;
    this.inbox = inbox;
  }

  get loadLine(): number {
    return this.#goesBy.loadLine;
  }

  get prepareTimeoutMs(): number {
    return this.#goesBy.prepareTimeoutMs;
  }

  /** Goes by what a reload may change while its loop goes on. */
  goBy(control: Config["control"]): void {
    this.#goesBy = control;
    this.loop.limitBy(termLimits(control, this.loop));
  }

  /** Competes for the lead, also after `resign`; resolves as ControlLoop.start. */
  async start(): Promise<void> {
    await this.loop.start();
    if (!this.#receives) this.inbox?.start();
    this.#receives = true;
  }

  /** Leads no more, so that another may; the rest goes on. */
  async resign(): Promise<void> {
    await this.loop.resign();
  }

  /** What was reported to it is sent. @param viewGoesOn as in ControlLoop.stop */
  async close(viewGoesOn = false): Promise<void> {
    await this.inbox?.stop();
    await this.loop.stop(viewGoesOn);
  }
}

/** Where a pool's control comes from. */
export interface ControlOrigin {
  readonly group: ExpertGroup;
  readonly machine: Machine;
  readonly plane: ExpertPlane;
  /** Of ranks that are in this process; null where they report over HTTP. */
  readonly simulation: Simulation | null;
  /** Of the loop whose place it takes; null where it takes none's. */
  readonly view: PoolView | null;
}

/** What a control loop is made of; all else of `control` is taken while it goes on. */
export function controlSettings(
  pool: string,
  { model, topology, dispatch }: ExpertGroup,
  { control: { sharesMs, placementMs } }: Config,
): string {
  return JSON.stringify({ pool, model, topology, dispatch, sharesMs, placementMs });
}

function termLimits(
  { prepareTimeoutMs, stagingBytes, rankSilenceMs }: Config["control"],
  { model, topology }: Pick<ControlLoop, "model" | "topology">,
): TermLimits {
  return {
    prepareTimeoutMs,
    stagingBytes: stagingBytes ?? usualStagingBytes(model, topology),
    rankSilenceMs,
  };
}

export function openControl(origin: ControlOrigin, config: Config, makings: PoolMakings): ControlHalf {
  const { group, machine, plane, simulation, view } = origin;
  const { model, topology, dispatch } = group;
  const { sharesMs, placementMs } = config.control;
  const { clock, wallClock, gateway, leaseMs, store } = makings;
  const { onFault, onNotice } = makings.surroundings;
  const cadence = { sharesMs, placementMs };
  const loop = new ControlLoop({
    gateway,
    plane,
    store,
    leaseMs,
    planner: new PlannerThread(
      { model, topology, policy: policyBy("plimsoll", dispatch), cadence, machine },
      clock,
      onFault,
    ),
    model,
    topology,
    roundMs: sharesMs,
    ...termLimits(config.control, { model, topology }),
    clock,
    wallClock,
    onNotice,
    onFault,
    ...(view === null ? {} : { view }),
  });
  const inbox =
    simulation === null
      ? new LoadInbox({
          store: loop.store,
          gateway,
          shape: loop.shape,
          slotsPerGpu: topology.slotsPerGpu,
          topk: model.topk,
          sentRows: new SentRows({ dispatch, snapshot: () => loop.view.snapshot }),
        })
      : null;
  const settings = controlSettings(plane.pool, group, config);
  return new ControlHalf(settings, loop, config.control, inbox, origin);
}
