import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.ts";
import { entryOf } from "./gateway-process.ts";

/** Until nobody sends a gateway anything more that is about to end. */
const LEAVE_MS = 200;

/**
 * Restarts a gateway as a rolling update does: it gets no more requests, then SIGTERM, and starts again.
 * @param other the checkout of the version that it runs from then on; null for this one
 */
export async function roll(cluster: Cluster, gateway: number, other: string | null): Promise<void> {
  cluster.shunned.add(gateway);
  await sleep(LEAVE_MS);
  const process = cluster.gateways[gateway];
  await process.stop("SIGTERM");
  cluster.referee.restarted(gateway);
  if (other === null) {
    cluster.others.delete(gateway);
    process.runs();
  } else {
    cluster.others.add(gateway);
    process.runs(entryOf(other));
  }
  await process.start();
  cluster.shunned.delete(gateway);
}
