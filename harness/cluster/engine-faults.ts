import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.ts";
import type { Fault } from "./fault.ts";

/** Gateways begin with so many servers. */
const SERVERS = 2;
const LONGEST_MS = 1500;

/** Engines are killed as a crash would end them, and start again at the same address; so does Redis beside them. */
export const ENGINE_FAULTS: readonly Fault[] = [
  deaths("an engine dies, and starts again", async (_, draw) => [draw(SERVERS)]),
  deaths("all engines die, and start again", async () => [0, 1]),
  deaths("an engine and Redis die at once, and start again", async (cluster, draw) => {
    await cluster.redis.kill();
    return [draw(SERVERS)];
  }),
];

function deaths(
  name: string,
  which: (cluster: Cluster, draw: (n: number) => number) => Promise<readonly number[]>,
): Fault {
  return {
    name,
    costs: "answers that had begun",
    forgetsLease: true,
    async inject(cluster, draw) {
      const engines = await which(cluster, draw);
      await Promise.all(engines.map((engine) => cluster.engines[engine].kill()));
      await sleep(draw(LONGEST_MS));
      if (!cluster.redis.running) await cluster.redis.restart();
      for (const engine of engines) await cluster.startEngine(engine);
      await cluster.until("requests at the engines that started again", async () => {
        const seen = await Promise.all(engines.map((engine) => cluster.engines[engine].seen()));
        return seen.every((requests) => requests.some(({ method }) => method === "POST"));
      });
      const before = cluster.traffic.doneBy.slice();
      await cluster.until("whole answers from every gateway", () =>
        cluster.traffic.doneBy.every((done, gateway) => done > before[gateway]),
      );
    },
  };
}
