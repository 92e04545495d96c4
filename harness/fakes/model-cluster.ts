import { ControlLoop } from "../../src/control/control-loop.ts";
import { LocalPlanner } from "../../src/control/plan/local-planner.ts";
import { type Order, encodeMessage } from "../../src/control/messages/pool-message.ts";
import { ReportedPlane } from "../../src/control/ingest/reported-plane.ts";
import { StoreUnreachable } from "../../src/control/store.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { Rng } from "../../src/lib/rng.ts";
import { expertBytes } from "../../src/model/moe-model.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { decodeSnapshot } from "../../src/model/snapshot-bytes.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../small-model.ts";
import { ModelRank } from "../cluster/model-rank.ts";
import { PartitionedStore } from "./partitioned-store.ts";

export const ROUND_MS = 100;
const LEASE_MS = 300;
/** 8 ranks; 64 slots for 32 experts, so that half the ranks could hold all. */
export const TOPOLOGY = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 8 };
const RANKS = gpuCount(TOPOLOGY);

interface Member {
  readonly store: PartitionedStore;
  /** Another after each reload. */
  loop: ControlLoop;
  readonly epochs: number[];
}

/**
 * Gateways with real control loops on one real store, and ranks that do as the protocol wants. The caller fakes
 * `setInterval`, moves the time and says who does what when; a referee sees every snapshot as it is published.
 */
export class ModelCluster {
  nowMs = 0;
  readonly ranks = Array.from({ length: RANKS }, (_, rank) => new ModelRank(rank));
  readonly members: readonly Member[];
  readonly violations: string[] = [];
  readonly faults: Error[] = [];
  /** Ranks whose death somebody has told the leader of. */
  readonly toldLost = new Set<number>();
  published: RoutingSnapshot | null = null;
  readonly #store: LocalStore;
  readonly #snapshots = new Map<number, RoutingSnapshot>();
  readonly #onTheWay: (() => Promise<unknown>)[] = [];
  readonly #clock = { now: () => this.nowMs };

  readonly #wallClock: () => number;

  /** @param wallClock what the gateways' machines show, ms since 1970 */
  constructor(gateways: number, wallClock = () => 0) {
    this.#wallClock = wallClock;
    this.#store = new LocalStore(() => this.nowMs);
    this.#store.pool("model").follow({
      epoch: (epoch, bytes) => this.#judge(epoch, decodeSnapshot(bytes)),
      value: () => {},
    });
    this.members = Array.from({ length: gateways }, (_, i) => this.#member(`gateway ${i}`));
  }

  async start(): Promise<void> {
    for (const { loop } of this.members) await loop.start();
    for (const rank of this.ranks) rank.receive(this.members[0].loop.view);
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
    await next.start();
    member.loop = next;
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
    const { loop } = this.members[gateway];
    const word = this.ranks[rank].receive(loop.view);
    this.#judgeDispatch();
    if (word === null) return;
    const say = () => unreachable(loop.acknowledge(word.epoch, rank, word.phase));
    if (late) this.#onTheWay.push(say);
    else await say();
  }

  /** What was on the way arrives. */
  async deliver(): Promise<void> {
    for (const say of this.#onTheWay.splice(0)) await say();
  }

  async die(rank: number, gateway: number): Promise<void> {
    this.ranks[rank].die();
    await this.#send(gateway, rank, "lost");
  }

  /** Tells that a dead rank is dead, where that had not got through, or revives it. */
  async recover(rank: number, gateway: number): Promise<void> {
    const one = this.ranks[rank];
    if (one.alive) return;
    if (!this.toldLost.has(rank)) return this.#send(gateway, rank, "lost");
    // The leader must have heard of the death: a rank that comes back before is another case.
    if (this.published?.placement !== undefined && this.#named().has(rank)) return;
    one.revive(this.published?.epoch ?? 0);
    await this.#send(gateway, rank, "ready");
  }

  async #send(gateway: number, rank: number, state: "lost" | "ready"): Promise<void> {
    if (!(await unreachable(this.members[gateway].loop.reportRank(rank, state)))) return;
    if (state === "lost") this.toldLost.add(rank);
    else this.toldLost.delete(rank);
  }

  async order(order: Order, gateway: number): Promise<void> {
    await unreachable(this.members[gateway].loop.order(order, "test"));
  }

  async report(seed: number, gateway: number): Promise<void> {
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
    });
    await unreachable(this.members[gateway].loop.store.send(message, null));
  }

  #member(gateway: string): Member {
    const store = new PartitionedStore(this.#store);
    const loop = this.#loop(gateway, store);
    const epochs: number[] = [];
    loop.view.onSnapshot(({ epoch }) => {
      if (epoch <= (epochs.at(-1) ?? 0))
        this.violations.push(`${gateway} went from ${epochs.at(-1)} to ${epoch}`);
      epochs.push(epoch);
    });
    return { store, loop, epochs };
  }

  /** @param view of the loop that it takes the place of */
  #loop(gateway: string, store: PartitionedStore, view?: ControlLoop["view"]): ControlLoop {
    const planned = {
      model: SMALL_MODEL,
      topology: TOPOLOGY,
      policy: BALANCE_POLICIES.plimsoll,
      cadence: { sharesMs: ROUND_MS, placementMs: 5 * ROUND_MS },
    };
    return new ControlLoop({
      gateway,
      plane: new ReportedPlane("model", SMALL_MODEL, TOPOLOGY),
      store,
      leaseMs: LEASE_MS,
      planner: new LocalPlanner(planned, this.nowMs),
      model: SMALL_MODEL,
      topology: TOPOLOGY,
      roundMs: ROUND_MS,
      prepareTimeoutMs: 60_000,
      // Two layers' worth: rollouts go in several groups.
      stagingBytes: 2 * TOPOLOGY.slotsPerGpu * expertBytes(SMALL_MODEL),
      rankSilenceMs: 0,
      clock: this.#clock,
      wallClock: this.#wallClock,
      onFault: (fault) => this.faults.push(fault),
      ...(view === undefined ? {} : { view }),
    });
  }

  #named(): Set<number> {
    const { topology, physicalToLogical } = (this.published as RoutingSnapshot).placement;
    const width = slotCount(topology);
    const named = new Set<number>();
    for (let i = 0; i < physicalToLogical.length; i++)
      if (physicalToLogical[i] >= 0) named.add(gpuOfSlot(topology, i % width));
    return named;
  }

  /** Every replica is ready on a live rank, unless the rank's death is news; every expert has one, or is named. */
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
      if (epoch === 1 || rank.holds(layer, expert) || (!rank.alive && !this.#heardOf(rank.rank))) continue;
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

  /** Whether the leader has taken note of a death, which is when it may publish nothing more of that rank. */
  #heardOf(rank: number): boolean {
    return this.leaders.some(({ loop }) => loop.view.operatorState.lost.some((lost) => lost.rank === rank));
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
