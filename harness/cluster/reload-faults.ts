import type { Cluster } from "./cluster.ts";
import type { Fault } from "./fault.ts";

/** A lease can also run out since the machine is busy with something else, but not at every reload. */
const RELOADS_TRIED = 3;

/** The leader, where it runs this version; null where it has faults of its own in what is tried. */
async function ownLeader(cluster: Cluster): Promise<number | null> {
  const leader = await cluster.leader();
  return cluster.others.has(leader) ? null : leader;
}

/** Other settings than it has: of its control, or other servers. */
function otherThan(cluster: Cluster, gateway: number, what: "control" | "servers") {
  const { sharesMs, servers } = cluster.settings(gateway);
  return what === "control" ? { sharesMs: sharesMs === 150 ? 130 : 150 } : { servers: servers === 2 ? 3 : 2 };
}

/** What is decided from now on reaches everybody. */
export async function publishes(cluster: Cluster): Promise<void> {
  const newest = Math.max(...cluster.served().map(({ epoch }) => epoch));
  cluster.withheld.clear();
  cluster.shiftLoad();
  await cluster.until("a later epoch at every gateway", () =>
    cluster.served().every(({ epoch }) => epoch > newest),
  );
}

/** Whether the leader goes on in the same term after a reload of its servers, which are no affair of the loop's. */
async function keepsItsTerm(
  cluster: Cluster,
  prepare: (cluster: Cluster) => Promise<void>,
): Promise<boolean> {
  const leader = await ownLeader(cluster);
  if (leader === null) return true;
  await prepare(cluster);
  const before = (await cluster.state(leader)).pools[0].control;
  await cluster.reload(leader, otherThan(cluster, leader, "servers"));
  const after = (await cluster.state(leader)).pools[0].control;
  return after.leading && after.totals.terms === before.totals.terms;
}

/**
 * Gateways reload, under load, as operators have them do. Those of another version are left alone: what they do is theirs.
 * @param prepare has a rollout under way for which ranks hold back what they would say
 */
export function reloadFaults(prepare: (cluster: Cluster) => Promise<void>): readonly Fault[] {
  return [
    {
      name: "the leader reloads, with another control, while ranks prepare",
      modelled: true,
      async inject(cluster) {
        const leader = await ownLeader(cluster);
        if (leader === null) return;
        await prepare(cluster);
        await cluster.reload(leader, otherThan(cluster, leader, "control"));
        await publishes(cluster);
      },
    },
    {
      name: "the leader reloads, with other servers, while ranks prepare",
      async inject(cluster) {
        for (let i = 0; i < RELOADS_TRIED; i++) {
          const kept = await keepsItsTerm(cluster, prepare);
          await publishes(cluster);
          if (kept) return;
        }
        throw new Error("the term did not outlive a reload that does not concern it");
      },
    },
    {
      name: "a follower reloads, with another control and other servers",
      modelled: true,
      async inject(cluster, draw) {
        const leader = await cluster.leader();
        const followers = cluster.gateways
          .map((_, i) => i)
          .filter((i) => i !== leader && !cluster.others.has(i));
        if (followers.length === 0) return;
        const follower = followers[draw(followers.length)];
        await cluster.reload(follower, {
          ...otherThan(cluster, follower, "control"),
          ...otherThan(cluster, follower, "servers"),
        });
        await publishes(cluster);
      },
    },
    {
      name: "all gateways reload at once, three times in a row",
      async inject(cluster) {
        const own = cluster.gateways.map((_, i) => i).filter((i) => !cluster.others.has(i));
        for (let turn = 0; turn < 3; turn++)
          await Promise.all(own.map((i) => cluster.reload(i, otherThan(cluster, i, "control"))));
        await publishes(cluster);
      },
    },
    {
      name: "the leader is given a configuration that it cannot use",
      async inject(cluster) {
        const leader = await ownLeader(cluster);
        if (leader === null) return;
        const said = await cluster.reload(leader, { model: "nothing.yaml" }).then(
          () => "it is reloaded",
          (error: Error) => error.message,
        );
        if (!said.includes("nothing.yaml")) throw new Error(`a configuration without a model: ${said}`);
      },
    },
  ];
}
