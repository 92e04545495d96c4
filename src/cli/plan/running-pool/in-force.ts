import type { Plan } from "../../../core/planning/plan.ts";
import { InputError } from "../../../lib/errors.ts";
import type { MoeModel } from "../../../model/moe-model.ts";
import { indexReplicas } from "../../../model/placement.ts";
import { gpuCount, slotCount } from "../../../model/topology.ts";
import {
  type PublishedPlacement,
  publishedPlacement,
  publishedShares,
} from "../../../plans/running-pool/published.ts";
import type { GatewayClient } from "./gateway-client.ts";

/** An epoch may be published between the two questions. */
const TRIES = 5;

/**
 * The placement and the shares that a pool dispatches by now.
 * @throws InputError, also where they are not of that model
 */
export async function planInForce(
  client: GatewayClient,
  pool: string,
  model: MoeModel,
  signal: AbortSignal,
): Promise<Plan> {
  const at = encodeURIComponent(pool);
  for (let i = 0; i < TRIES; i++) {
    const placement = await client.json(`/ep/v1/placement/${at}?state=published`, publishedPlacement, signal);
    const { epoch, shares, prices } = await client.json(`/ep/v1/shares/${at}`, publishedShares, signal);
    if (epoch !== placement.epoch) continue;
    const { topology, physical_to_logical_map: rows } = placement;
    checkOf(model, placement);
    const fits = (matrix: readonly (readonly number[])[], width: number) =>
      matrix.length === rows.length && matrix.every((row) => row.length === width);
    if (!fits(shares, slotCount(topology)) || !fits(prices, gpuCount(topology)))
      throw new InputError("--pool", pool, "publishes shares that are not of its placement; ask again");
    const placed = {
      layers: rows.length,
      experts: model.experts,
      topology,
      physicalToLogical: Int32Array.from(rows.flat()),
    };
    return {
      placement: placed,
      replicas: indexReplicas(placed),
      shares: { values: Float64Array.from(shares.flat()), prices: Float64Array.from(prices.flat()) },
    };
  }
  throw new InputError("--pool", pool, "publishes epochs faster than they can be read; ask again");
}

function checkOf(model: MoeModel, { topology, physical_to_logical_map: rows }: PublishedPlacement): void {
  const width = slotCount(topology);
  const layers = model.moeLayers.length;
  const most = Math.max(...rows.map((row) => Math.max(...row)));
  if (rows.length === layers && rows.every((row) => row.length === width) && most < model.experts) return;
  throw new InputError(
    "--model",
    "",
    `${model.name} has ${layers} layers of ${model.experts} experts; the pool's placement has ${rows.length} rows of experts up to ${most}; name the model that is served there`,
  );
}
