import { ControlLoop } from "../../src/control/control-loop.ts";
import { LoadInbox } from "../../src/control/ingest/load-inbox.ts";
import { SentRows } from "../../src/control/ingest/sent-rows.ts";
import { LocalPlanner } from "../../src/control/plan/local-planner.ts";
import { type OperatorState, decodeOperatorState } from "../../src/control/messages/operator-state.ts";
import { type Order, encodeMessage } from "../../src/control/messages/pool-message.ts";
import { ReportedPlane } from "../../src/control/ingest/reported-plane.ts";
import type { Stored } from "../../src/control/follow/pool-view.ts";
import { StoreUnreachable } from "../../src/control/store.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { UNKNOWN_MACHINE } from "../../src/core/planning/machine.ts";
import { Rng } from "../../src/lib/rng.ts";
import { Unreadable } from "../../src/lib/shape.ts";
import { expertBytes } from "../../src/model/moe-model.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { decodeSnapshot } from "../../src/model/snapshot-bytes.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../small-model.ts";
import { ModelRank } from "../cluster/model-rank.ts";
import { FaultyPlanner } from "./faulty-planner.ts";
import { type OtherVersion, asVersion } from "./other-version.ts";
import { PartitionedStore } from "./partitioned-store.ts";

export const ROUND_MS = 100;
const LEASE_MS = 300;
/** 8 ranks; 64 slots for 32 experts, so that half the ranks could hold all. */
export const TOPOLOGY = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 8 };
const RANKS = gpuCount(TOPOLOGY);

/** What rank 0 says of the load balancing, with the step: it never balances. */
const ENGINE = {
  name: "model",
  rebalances: 0,
  rebalanceEvery: 1,
  dispatch: "even",
  balancedness: null,
  ranks: [],
};

interface Member {
  readonly store: PartitionedStore;
  /** These three are others after each reload. */
  planner: FaultyPlanner;
  plane: ReportedPlane;
  loop: ControlLoop;
  /** Where ranks report. */
  readonly inbox: LoadInbox;
  readonly epochs: number[];
}

/**
 * Gateways with real control loops on one real store, and ranks that do as the protocol wants. The caller fakes
 * `setInterval`, moves the time and says who does what when; a referee sees every snapshot as it is published.
 */
export class ModelCluster {
  nowMs = 0;
  readonly ranks = Array.from({ length: RANKS }, (_, rank) => new ModelRank(rank));
  /** `[ranks]`: how many windows each is ahead of the others. */
  readonly clocks = new Float64Array(RANKS);
  readonly members: readonly Member[];
  readonly violations: string[] = [];
  readonly faults: Error[] = [];
  /** What its leaders have said of the engine. */
  readonly notices: string[] = [];
  published: RoutingSnapshot | null = null;
  readonly #store: LocalStore;
  readonly #snapshots = new Map<number, RoutingSnapshot>();
  readonly #onTheWay: (() => Promise<unknown>)[] = [];
  readonly #clock = { now: () => this.nowMs };

  readonly #silenceMs: number;
  readonly #wallClock: () => number;

  /**
   * @param silenceMs a rank is missed when nothing has come of it for so long; 0 for never
   * @param wallClock what the gateways' machines show, ms since 1970
   * @param versions of the gateways; null for this one, which all are of that it does not name
   */
  constructor(
    gateways: number,
    silenceMs = 0,
    wallClock = () => 0,
    versions: readonly (OtherVersion | null)[] = [],
  ) {
    this.#silenceMs = silenceMs;
    this.#wallClock = wallClock;
    this.#store = new LocalStore(() => this.nowMs);
    this.#store.pool("model").follow({
      epoch: (epoch, bytes) => {
        const snapshot = readable(() => decodeSnapshot(bytes));
        if (snapshot !== null) this.#judge(epoch, snapshot);
      },
      value: (name, value) => {
        if (name !== "orders" || value === null) return;
        const state = readable(() => decodeOperatorState(value));
        if (state !== null) this.#learn(state);
      },
    });
    this.members = Array.from({ length: gateways }, (_, i) =>
      this.#member(`gateway ${i}`, versions[i] ?? null),
    );
  }

  async start(): Promise<void> {
    for (const { loop } of this.members) await loop.start();
    for (const rank of this.ranks) rank.receive(this.members[0].loop.view);
    await this.report(0);
  }

  async stop(): Promise<void> {
    for (const { store } of this.members) store.join();
    for (const { loop } of this.members) await loop.stop();
  }

  /** The gateway takes up another configuration of the pool's control, as PoolSet does. */
  async reload(gateway: number): Promise<void> {
    const member = this.members[gateway];
    const before = member.loop;
    const next = this.#loop(`gateway ${gateway}`, member.store, before.view);
    await before.resign();
    await next.loop.start();
    Object.assign(member, next);
    if (before.leading) this.violations.push(`gateway ${gateway} leads by the loop before its reload too`);
    await before.stop(true);
  }

  get leaders(): readonly Member[] {
    return this.members.filter(({ loop }) => loop.leading);
  }

  /**
   * A rank asks a gateway, does as it is told and says so; what it says may not arrive.
   * @param late whether what it says stays on the way until `deliver`
   */
  async poll(rank: number, gateway: number, late = false): Promise<void> {
    const { loop, store } = this.members[gateway];
    // One that has just started begins with what is in force: a gateway that is cut off has not taken its `ready`.
    if (this.ranks[rank].epoch === 0 && store.fault !== null) return;
    const word = this.ranks[rank].receive(loop.view);
    this.#judgeDispatch();
    if (word === null) return;
    const { incarnation } = this.ranks[rank];
    await this.#say(() => loop.acknowledge(word.epoch, rank, word.phase, incarnation), late);
  }

  /** What was on the way arrives. */
  async deliver(): Promise<void> {
    for (const say of this.#onTheWay.splice(0)) await say();
  }

  /** @param named whether who says that it is lost knows its incarnation */
  async die(rank: number, gateway: number, late = false, named = true): Promise<void> {
    const one = this.ranks[rank];
    if (!one.alive) return;
    one.die();
    await this.#tell(gateway, rank, "lost", late, named);
  }

  /** A rank starts again, as soon as it died or later; it says so, or its reports and acknowledgements show it. */
  async restart(rank: number, gateway: number, says: "ready" | "nothing", late = false): Promise<void> {
    this.ranks[rank].start();
    this.clocks[rank] = 0;
    if (says === "ready") await this.#tell(gateway, rank, "ready", late, true);
  }

  /** A dead rank starts again, and says so. */
  async recover(rank: number, gateway: number): Promise<void> {
    if (!this.ranks[rank].alive) await this.restart(rank, gateway, "ready");
  }

  #tell(gateway: number, rank: number, state: "lost" | "ready", late: boolean, named: boolean) {
    const incarnation = named ? this.ranks[rank].incarnation : null;
    return this.#say(() => this.members[gateway].loop.reportRank(rank, state, incarnation), late);
  }

  /** @param late whether it stays on the way until `deliver` */
  async #say(word: () => Promise<unknown>, late: boolean): Promise<void> {
    const say = () => unreachable(word());
    if (late) this.#onTheWay.push(say);
    else await say();
  }

  /** Every live rank reports a window without tokens, by its clock. */
  async report(gateway: number): Promise<void> {
    const { inbox } = this.members[gateway];
    for (const { rank, alive, incarnation } of this.ranks) {
      if (!alive) continue;
      const window = Math.max(0, Math.round(this.nowMs / ROUND_MS) + this.clocks[rank]);
      const counts = new Float64Array(SMALL_MOE_LAYERS * SMALL_MODEL.experts);
      const engine = rank === 0 ? { ...ENGINE, step: window } : null;
      inbox.take({ rank, incarnation, window, windowMs: ROUND_MS, counted: "source", counts, engine });
    }
    await inbox.flush();
  }

  /** One report in a rank's name that is not its own. */
  async spoof(rank: number, window: number): Promise<void> {
    const { incarnation } = this.ranks[rank];
    const counts = new Float64Array(SMALL_MOE_LAYERS * SMALL_MODEL.experts);
    const report = { rank, incarnation, window, windowMs: ROUND_MS, counted: "source", counts } as const;
    this.members[0].inbox.take({ ...report, engine: null });
  }

  async order(order: Order, gateway: number): Promise<void> {
    await unreachable(this.members[gateway].loop.order(order, "test"));
  }

  /** A load comes, of no rank in particular. */
  async load(seed: number, gateway: number): Promise<void> {
    const rng = new Rng(seed);
    const length = SMALL_MOE_LAYERS * SMALL_MODEL.experts;
    const tokens = Float32Array.from({ length }, () => 100 * Math.exp(rng.normal()));
    const from = `gateway ${gateway}`;
    const message = encodeMessage({
      kind: "load",
      from,
      sampled: false,
      reported: [],
      spanMs: ROUND_MS,
      tokens,
      received: [],
      engines: [],
      sent: [],
    });
    await unreachable(this.members[gateway].loop.store.send(message, null));
  }

  /** Leaves bytes where gateways look: in a message, a value or an epoch. */
  async leave(where: Stored | "message", bytes: Uint8Array): Promise<void> {
    const pool = this.#store.pool("model");
    if (where === "message") return pool.send(bytes, null);
    // Only who holds the lease may.
    const tokens = await Promise.all(this.members.map(({ loop }) => pool.lease(loop.holder, LEASE_MS)));
    const token = tokens.find((one) => one !== null) ?? 0;
    const { epoch } = await pool.read();
    if (where === "epoch") return pool.publish(epoch + 1, bytes, token);
    await pool.put(where, bytes, token);
  }

  #member(gateway: string, version: OtherVersion | null): Member {
    const store = new PartitionedStore(version === null ? this.#store : asVersion(this.#store, version));
    const led = this.#loop(gateway, store);
    const epochs: number[] = [];
    led.loop.view.onSnapshot(({ epoch }) => {
      if (epoch <= (epochs.at(-1) ?? 0))
        this.violations.push(`${gateway} went from ${epochs.at(-1)} to ${epoch}`);
      epochs.push(epoch);
    });
    const inbox = new LoadInbox({
      store: store.pool("model"),
      gateway,
      shape: led.plane.shape,
      slotsPerGpu: TOPOLOGY.slotsPerGpu,
      topk: SMALL_MODEL.topk,
      sentRows: new SentRows({ dispatch: "shares", snapshot: () => led.loop.view.snapshot }),
    });
    return { store, inbox, epochs, ...led };
  }

  /** @param view of the loop that it takes the place of */
  #loop(
    gateway: string,
    store: PartitionedStore,
    view?: ControlLoop["view"],
  ): Pick<Member, "planner" | "plane" | "loop"> {
    const planned = {
      model: SMALL_MODEL,
      topology: TOPOLOGY,
      policy: BALANCE_POLICIES.plimsoll,
      cadence: { sharesMs: ROUND_MS, placementMs: 5 * ROUND_MS },
      machine: UNKNOWN_MACHINE,
    };
    const planner = new FaultyPlanner(new LocalPlanner(planned, this.nowMs));
    const plane = new ReportedPlane("model", { model: SMALL_MODEL, topology: TOPOLOGY, dispatch: "shares" });
    const loop = new ControlLoop({
      gateway,
      plane,
      store,
      leaseMs: LEASE_MS,
      planner,
      model: SMALL_MODEL,
      topology: TOPOLOGY,
      roundMs: ROUND_MS,
      prepareTimeoutMs: 60_000,
      // Two layers' worth: rollouts go in several groups.
      stagingBytes: 2 * TOPOLOGY.slotsPerGpu * expertBytes(SMALL_MODEL),
      rankSilenceMs: this.#silenceMs,
      clock: this.#clock,
      wallClock: this.#wallClock,
      onNotice: (line) => this.notices.push(line),
      onFault: (fault) => this.faults.push(fault),
      ...(view === undefined ? {} : { view }),
    });
    return { planner, plane, loop };
  }

  /** What is stored of ranks now is what their leader knows. */
  #learn({ incarnations }: OperatorState): void {
    for (const { rank, incarnation } of incarnations) {
      const one = this.ranks[rank];
      if (one.incarnation === incarnation) one.bornAt = Math.min(one.bornAt, this.published?.epoch ?? 0);
    }
  }

  /** Every replica is ready on a live rank, unless its death or restart is news; every expert has one, or is named. */
  #judge(epoch: number, snapshot: RoutingSnapshot): void {
    const { placement, missing } = snapshot;
    const { layers, experts, topology, physicalToLogical } = placement;
    const width = slotCount(topology);
    const covered = new Set<string>();
    for (let i = 0; i < layers * width; i++) {
      const expert = physicalToLogical[i];
      if (expert < 0) continue;
      const layer = Math.floor(i / width);
      covered.add(`${layer}:${expert}`);
      const rank = this.ranks[gpuOfSlot(topology, i % width)];
      if (epoch === 1 || rank.holds(layer, expert) || this.#isNews(rank)) continue;
      this.violations.push(
        `epoch ${epoch} (${snapshot.change.reason}) names ${layer}:${expert} on rank ${rank.rank}, which is ${rank.alive ? "not ready" : "dead"}`,
      );
    }
    for (const { layer, experts: without } of missing)
      for (const expert of without) covered.add(`${layer}:${expert}`);
    if (covered.size !== layers * experts)
      this.violations.push(`epoch ${epoch} leaves ${layers * experts - covered.size} experts out`);
    this.published = snapshot;
    this.#snapshots.set(epoch, snapshot);
  }

  /** What a rank dispatches by, the others hold still, where they have not died since. */
  #judgeDispatch(): void {
    const inUse = new Set(this.ranks.filter(({ alive }) => alive).map(({ epoch }) => epoch));
    for (const epoch of inUse) {
      const snapshot = this.#snapshots.get(epoch);
      if (snapshot === undefined) continue;
      const { topology, physicalToLogical } = snapshot.placement;
      const width = slotCount(topology);
      for (let i = 0; i < physicalToLogical.length; i++) {
        const expert = physicalToLogical[i];
        const rank = this.ranks[gpuOfSlot(topology, i % width)];
        const layer = Math.floor(i / width);
        if (expert < 0 || !rank.alive || rank.bornAt >= epoch || rank.holds(layer, expert)) continue;
        this.violations.push(
          `a rank dispatches by epoch ${epoch} to ${layer}:${expert}, which rank ${rank.rank} has freed`,
        );
        return;
      }
    }
  }

  /** Whether the leader has not taken note of a rank's death or restart; once it has, it may name nothing more that is gone. */
  #isNews({ rank, alive, bornAt }: ModelRank): boolean {
    if (alive) return bornAt === Number.POSITIVE_INFINITY;
    return !this.leaders.some(({ loop }) => loop.view.operatorState.lost.some((lost) => lost.rank === rank));
  }
}

/** Null for what cannot be read. */
function readable<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

/** @returns whether it got through */
async function unreachable(telling: Promise<unknown>): Promise<boolean> {
  try {
    await telling;
    return true;
  } catch (error) {
    if (error instanceof StoreUnreachable) return false;
    throw error;
  }
}
