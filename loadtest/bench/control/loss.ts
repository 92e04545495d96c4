import { Rng } from "../../../src/lib/rng.ts";
import { Sample } from "../../../src/lib/sample.ts";
import { gpuCount } from "../../../src/model/topology.ts";
import { Cluster, POOL } from "../../../harness/cluster/cluster.ts";
import { names } from "../../../harness/cluster/faults.ts";
import { wellAgain } from "../../../harness/cluster/well-again.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { pool } from "../pools.ts";

const GATEWAYS = 3;
const DEATHS = 12;
const AIM_MS = 2000;
const VIOLATIONS_TOLD = 5;
/** Longer than placements are apart in this cluster. */
const REST_MS = 2000;

/**
 * From the moment a gateway is told that a rank has died until every gateway serves a snapshot without it, and until
 * every gateway serves one that lacks no expert: the ranks, all in one process here, have then fetched the placement,
 * said that they hold it, and the leader has published it.
 */
export async function lossTable({ input: { model }, seed, progress }: Bench): Promise<BenchTable> {
  const topology = pool(288, 32);
  const rng = new Rng(seed, 11);
  const cluster = await Cluster.start(GATEWAYS, seed, { shape: { model, topology } });
  const shares = new Sample();
  const placed = new Sample();
  let violations = 0;
  try {
    for (let death = 1; death <= DEATHS; death++) {
      await wellAgain(cluster, gpuCount(topology));
      await atRest(cluster);
      progress(`loss: ${death} of ${DEATHS} deaths`);
      const rank = rng.below(gpuCount(topology));
      cluster.die(rank);
      const from = performance.now();
      await cluster.post("/ep/v1/ranks", { pool: POOL, rank, state: "lost" });
      await cluster.until("snapshots without it", () =>
        cluster.served().every((answer) => !names(answer, rank)),
      );
      shares.add(performance.now() - from);
      await cluster.until("snapshots that lack no expert", () =>
        cluster.served().every(({ missing }) => missing.length === 0),
      );
      placed.add(performance.now() - from);
      await cluster.revive(rank);
      for (const violation of cluster.referee.violations.splice(0)) {
        if (violations++ < VIOLATIONS_TOLD) progress(`VIOLATION: ${violation}`);
      }
    }
  } finally {
    await cluster.stop();
  }
  const rows = [
    ["new shares", shares.summary()],
    ["every expert again", placed.summary()],
  ] as const;
  return {
    title: `A rank of ${gpuCount(topology)} dies: ${model.name}, 288 slots, ${GATEWAYS} gateways on Redis`,
    columns: [{ name: "until every gateway has" }, { name: "median, ms" }, { name: "p99, ms" }],
    rows: rows.map(([name, summary]) => [name, summary?.p50 ?? null, summary?.p99 ?? null]),
    notes: [
      `${DEATHS} deaths, told to a gateway; ${violations} violations seen. Gateways, Redis, ranks, clients and the ` +
        `watcher share one machine; ranks hold weights as soon as they are asked to. Each death finds no rollout under way.`,
    ],
    aims: rows.map(([name, summary]) => ({
      what: `death to ${name}, ms, p99`,
      measured: summary?.p99 ?? Number.POSITIVE_INFINITY,
      atMost: AIM_MS,
    })),
  };
}

/** No rollout is under way, nor was for some time. */
async function atRest(cluster: Cluster): Promise<void> {
  let since = performance.now();
  await cluster.until(
    "a pool at rest",
    async () => {
      const { rollout } = (await cluster.state(await cluster.leader())).pools[0].control;
      if (rollout !== null) since = performance.now();
      return performance.now() - since > REST_MS;
    },
    60_000,
  );
}
