import { expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { chooseGpu } from "../../src/config/gpus/chosen-gpu.ts";
import { nodeHopCost } from "../../src/core/cost/hop-cost.ts";
import type { Hardware } from "../../src/core/cost/hardware.ts";
import { UNKNOWN_MACHINE } from "../../src/core/planning/machine.ts";
import type { Explanation } from "../../src/core/planning/explanation.ts";
import { restCost } from "../../src/core/planning/rest-cost.ts";
import { modelledHardware } from "../../src/twin/calibration/gpu-hardware.ts";
import { patiently } from "../patiently.ts";

/** What a token costs beside its experts, which wait for the fullest GPU, where nothing is known of tokens. */
function besideExperts(hardware: Hardware): number {
  const { nodes } = SMALL_TOPOLOGY;
  const hops = (nodes - 1) * (1 - (1 - 1 / nodes) ** SMALL_MODEL.topk);
  return restCost(SMALL_MODEL, hardware) + hops * nodeHopCost(SMALL_MODEL, hardware);
}

test("a simulated pool's placements are weighed by the GPUs that it is simulated on", async () => {
  await using folder = await scratchFolder();
  const group = await smallGroup(folder);
  const pool = group.replace("{", "{ name: demo, kind: simulated, seed: 1, gpu: b200,");
  let gateway: RunningGateway | null = null;
  try {
    gateway = await startGateway(`control: { sharesMs: 100, placementMs: 60000 }\npools: [${pool}]`);
    await fetch(`${gateway.url}/admin/pools/demo/rebalance`, { method: "POST" });
    const { app } = gateway;
    const explained = () => app.pools()[0].controlled?.loop.view.report?.explanation as Explanation | null;
    await expect
      .poll(explained, patiently)
      .toMatchObject({ inForce: { cost: expect.any(Number) as number } });
    const { balancedness, cost } = (explained() as Explanation).inForce;
    const beside = (cost ?? 0) - 1 / balancedness;
    const gpu = await chooseGpu("b200", { sourceOf: () => "test", field: [] });
    expect(beside).toBeCloseTo(besideExperts(modelledHardware(SMALL_MODEL, gpu)), 9);
    expect(Math.abs(beside / besideExperts(UNKNOWN_MACHINE.hardware) - 1)).toBeGreaterThan(0.01);
  } finally {
    await gateway?.stop();
  }
});
