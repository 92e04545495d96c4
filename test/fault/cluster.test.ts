import { afterAll, beforeAll, expect, test } from "vitest";
import { CALM } from "../../harness/cluster/client-traffic.ts";
import { Cluster } from "../../harness/cluster/cluster.ts";
import { type FaultResult, faultTable, runFault } from "../../harness/cluster/fault-run.ts";
import { FAULTS } from "../../harness/cluster/faults.ts";
import { Rng } from "../../src/lib/rng.ts";
import { LONG } from "../runs.ts";

const SEED = 20261124;
const rng = new Rng(SEED);
const results: FaultResult[] = [];

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start(3, SEED, { load: CALM });
});
afterAll(async () => {
  await cluster.stop();
  process.stdout.write(`seed ${SEED}, ${cluster.traffic.done} requests served\n${faultTable(results)}\n`);
});

test.each(LONG ? FAULTS : FAULTS.filter(({ modelled }) => modelled === undefined))(
  "$name: no request is lost that need not be, no snapshot names what is not there",
  async (fault) => {
    const result = await runFault(cluster, fault, rng);
    results.push(result);
    expect(result.violations).toEqual([]);
    expect(result.lostElsewhere).toBe(0);
    expect(result.inFlight).toBeGreaterThan(0);
  },
);
