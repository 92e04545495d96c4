import { setTimeout as sleep } from "node:timers/promises";
import { gpuCount, gpuOfSlot } from "../../src/model/topology.ts";
import { type Cluster, POOL, SMALL } from "./cluster.ts";
import type { Fault } from "./fault.ts";
import { LEASE_MS, PREPARE_TIMEOUT_MS } from "./gateway-configs.ts";
import type { PlacementAnswer } from "./rank-agent.ts";
import { reloadFaults } from "./reload-faults.ts";

const RANKS = gpuCount(SMALL.topology);
const all = Array.from({ length: RANKS }, (_, rank) => rank);

/** Whether a snapshot names the rank. */
export function names({ topology, physical_to_logical_map: map }: PlacementAnswer, rank: number): boolean {
  return map.some((row) => row.some((expert, slot) => expert >= 0 && gpuOfSlot(topology, slot) === rank));
}

function without(cluster: Cluster, ...ranks: readonly number[]): Promise<void> {
  return cluster.until(`snapshots without ranks ${ranks.join(", ")}`, () =>
    cluster.served().every((answer) => ranks.every((rank) => !names(answer, rank))),
  );
}

function complete(cluster: Cluster): Promise<void> {
  return cluster.until("snapshots that lack no expert", () =>
    cluster.served().every(({ missing }) => missing.length === 0),
  );
}

function hold(cluster: Cluster, phase: "prepared" | "committed", ranks = all): void {
  for (const rank of ranks) cluster.withheld.set(rank, phase);
}

/** An order is given again after so long: what was decided may rest on loads from before the shift. */
const ORDER_AGAIN_MS = 2000;

/** Under way, with ranks that hold back what they would say. */
async function rollout(cluster: Cluster, phase: "prepare" | "commit"): Promise<void> {
  hold(cluster, phase === "prepare" ? "prepared" : "committed");
  cluster.shiftLoad();
  // Loads have to arrive first.
  await sleep(500);
  let orderAt = 0;
  await cluster.until(`a rollout in ${phase}`, async () => {
    const leader = await cluster.leader();
    const underWay = (await cluster.state(leader)).pools[0].control.rollout;
    if (underWay === null && performance.now() >= orderAt) {
      orderAt = performance.now() + ORDER_AGAIN_MS;
      await cluster.post(`/admin/pools/${POOL}/rebalance`);
    }
    return underWay?.phase === phase;
  });
}

/** A rank dies at some time, and comes back when all is well without it. */
function death(name: string, before: (cluster: Cluster) => Promise<void>): Fault {
  return {
    name,
    async inject(cluster, draw) {
      const rank = draw(RANKS);
      await before(cluster);
      cluster.die(rank);
      await cluster.reportRank(rank, "lost");
      cluster.withheld.clear();
      await without(cluster, rank);
      await complete(cluster);
      await cluster.revive(rank);
    },
  };
}

/** A rank is there again before anybody could miss it, and holds nothing. */
function fastRestart(name: string, says: (cluster: Cluster, rank: number) => Promise<void>): Fault {
  return {
    name,
    ofThisVersion: true,
    async inject(cluster, draw) {
      const rank = draw(RANKS);
      // It takes its time to hold anything again: a snapshot without it is seen first.
      hold(cluster, "prepared", [rank]);
      cluster.agents[rank].model.start();
      await says(cluster, rank);
      await without(cluster, rank);
      cluster.knowsRestarted(rank);
    },
  };
}

/** The leader is put out in a way, another leads, and it is put back. */
function leaderless(
  name: string,
  before: (cluster: Cluster) => Promise<void>,
  out: (cluster: Cluster, leader: number) => Promise<void>,
  back: (cluster: Cluster, leader: number) => Promise<void>,
): Fault {
  return {
    name,
    async inject(cluster) {
      await before(cluster);
      const leader = await cluster.leader();
      cluster.shunned.add(leader);
      await out(cluster, leader);
      cluster.withheld.clear();
      await cluster.until("another leader", async () => (await cluster.leader()) !== leader);
      await back(cluster, leader);
      cluster.shunned.delete(leader);
    },
  };
}

const nothing = async () => {};
const kill = (cluster: Cluster, leader: number) => cluster.gateways[leader].stop("SIGKILL");
const restart = async (cluster: Cluster, leader: number) => {
  cluster.referee.restarted(leader);
  await cluster.gateways[leader].start();
};

export const FAULTS: readonly Fault[] = [
  { ...death("a rank dies", nothing), modelled: true },
  death("a rank dies while others prepare", (cluster) => rollout(cluster, "prepare")),
  {
    ...death("a rank dies before all have switched to a placement", (cluster) => rollout(cluster, "commit")),
    modelled: true,
  },
  {
    name: "a rank falls silent",
    modelled: true,
    async inject(cluster, draw) {
      const rank = draw(RANKS);
      cluster.die(rank);
      await without(cluster, rank);
      await complete(cluster);
      await cluster.revive(rank);
    },
  },
  {
    ...fastRestart("a rank restarts faster than it is missed, and says so", (cluster, rank) =>
      cluster.reportRank(rank, "ready"),
    ),
    modelled: true,
  },
  fastRestart("a rank restarts faster than it is missed; its reports show it", nothing),
  {
    name: "a rank never gets ready",
    modelled: true,
    async inject(cluster, draw) {
      await rollout(cluster, "prepare");
      const slow = draw(RANKS);
      for (const rank of all) if (rank !== slow) cluster.withheld.delete(rank);
      await sleep(PREPARE_TIMEOUT_MS);
      cluster.withheld.clear();
    },
  },
  {
    name: "half the ranks die at once",
    modelled: true,
    async inject(cluster) {
      const half = all.filter((rank) => rank % 2 === 0);
      for (const rank of half) cluster.die(rank);
      await Promise.all(half.map((rank) => cluster.reportRank(rank, "lost")));
      await without(cluster, ...half);
      await complete(cluster);
      for (const rank of half) await cluster.revive(rank);
    },
  },
  {
    name: "all but two ranks die at once",
    modelled: true,
    async inject(cluster) {
      const dead = all.slice(2);
      for (const rank of dead) cluster.die(rank);
      await Promise.all(dead.map((rank) => cluster.reportRank(rank, "lost")));
      await without(cluster, ...dead);
      // 20 slots are left for 32 experts.
      await cluster.until("the missing experts named", () =>
        cluster.served().every(({ missing }) => missing.every(({ experts }) => experts.length === 12)),
      );
      for (const rank of dead) await cluster.revive(rank);
      await complete(cluster);
    },
  },
  leaderless(
    "the leader is stopped while ranks prepare, and wakes after its lease",
    (cluster) => rollout(cluster, "prepare"),
    async (cluster, leader) => {
      cluster.gateways[leader].freeze();
      await sleep(LEASE_MS);
    },
    async (cluster, leader) => cluster.gateways[leader].thaw(),
  ),
  { ...leaderless("the leader is killed", nothing, kill, restart), costs: "one gateway's", modelled: true },
  {
    name: "the leader and a rank die at once, and nobody says so of the rank",
    ofThisVersion: true,
    costs: "one gateway's",
    async inject(cluster, draw) {
      const rank = draw(RANKS);
      const leader = await cluster.leader();
      cluster.shunned.add(leader);
      cluster.die(rank);
      await kill(cluster, leader);
      await without(cluster, rank);
      await restart(cluster, leader);
      cluster.shunned.delete(leader);
      await cluster.revive(rank);
    },
  },
  {
    ...leaderless("the leader is killed while ranks prepare", (c) => rollout(c, "prepare"), kill, restart),
    costs: "one gateway's",
    modelled: true,
  },
  {
    ...leaderless(
      "the leader is killed before all have switched",
      (c) => rollout(c, "commit"),
      kill,
      restart,
    ),
    costs: "one gateway's",
  },
  leaderless(
    "the leader is cut off from the store, and joined again",
    (cluster) => rollout(cluster, "prepare"),
    (cluster, leader) => cluster.gateways[leader].store.cut(),
    (cluster, leader) => cluster.gateways[leader].store.open(),
  ),
  {
    name: "Redis dies, and comes back empty",
    forgetsLease: true,
    async inject(cluster) {
      await cluster.redis.kill();
      await cluster.until("a gateway that says so", async () => !(await cluster.state(0)).store.reachable);
      await cluster.redis.restart();
    },
  },
  {
    name: "Redis hangs for a while",
    async inject(cluster) {
      cluster.redis.pause();
      await sleep(2 * LEASE_MS);
      cluster.redis.resume();
    },
  },
  {
    name: "a rank is drained, and taken back",
    modelled: true,
    async inject(cluster, draw) {
      const rank = draw(RANKS);
      await cluster.post(`/admin/pools/${POOL}/ranks/${rank}/drain`);
      await without(cluster, rank);
      await cluster.post(`/admin/pools/${POOL}/ranks/${rank}/undrain`);
    },
  },
  ...reloadFaults((cluster) => rollout(cluster, "prepare")),
];
