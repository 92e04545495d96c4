import { gpuCount } from "../../src/model/topology.ts";
import { type Cluster, SMALL } from "./cluster.ts";
import { names } from "./faults.ts";

/** On a machine that has much else to do ranks fall silent and leases run out by themselves, for a while. */
const WELL_WITHIN_MS = 60_000;

/** Everybody is there, one leads, all serve the same, nothing is missing and every rank is in use. */
export async function wellAgain(cluster: Cluster, count = gpuCount(SMALL.topology)): Promise<void> {
  const used = Array.from({ length: count }, (_, rank) => rank);
  cluster.withheld.clear();
  await cluster.until(
    "a cluster that is well again",
    async () => {
      const lacking = await lackingOf(cluster, used);
      if (lacking.length > 0) throw new Error(lacking.join("; "));
      return true;
    },
    WELL_WITHIN_MS,
  );
}

/** What a cluster lacks that is well. */
async function lackingOf(cluster: Cluster, used: readonly number[]): Promise<readonly string[]> {
  const states = await Promise.all(cluster.gateways.map((_, i) => cluster.state(i)));
  const controls = states.map(({ pools: [pool] }) => pool.control);
  const leaders = controls.filter(({ leading }) => leading).length;
  const epochs = new Set(states.map(({ pools: [pool] }) => pool.epoch));
  const served = cluster.served();
  const wanted: readonly (readonly [holds: boolean, fault: string])[] = [
    [states.every(({ store }) => store.reachable), "a gateway cannot reach the store"],
    [leaders === 1, `${leaders} gateways lead`],
    [controls.every(({ missing }) => missing.length === 0), "experts are missing"],
    [controls.every(({ ranks }) => ranks.every((state) => state === "live")), "ranks are not live"],
    [epochs.size === 1, `gateways are at epochs ${[...epochs].join(", ")}`],
    [served.length === states.length, "a gateway serves no placement"],
    [served.every((answer) => used.every((rank) => names(answer, rank))), "ranks are not used"],
  ];
  return wanted.filter(([holds]) => !holds).map(([, fault]) => fault);
}
