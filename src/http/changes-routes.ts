import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { InputError } from "../lib/errors.ts";
import { type MoeModel, expertBytes } from "../model/moe-model.ts";
import type { PlacementChange } from "../model/placement-change.ts";
import { slotCount } from "../model/topology.ts";
import { HttpError } from "./errors.ts";
import { poolNamed } from "./pool-routes.ts";

interface ChangeRoute {
  Params: { pool: string; decision: string };
}

/**
 * `GET /ep/v1/changes/:pool/:decision`: what a decision changed of the placement, slot by slot; `GET /ep/v1/forecast/:pool`:
 * the load that the placement in force was made for.
 */
export function changesRoutes(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  app.get<ChangeRoute>("/ep/v1/changes/:pool/:decision", async ({ params }) => {
    const { pool, view, model } = poolNamed(pools, params.pool).loop;
    const id = decisionOf(params.decision);
    const change = view.changes.changes.find(({ decision }) => decision === id);
    if (change === undefined)
      throw new HttpError(
        "decision_not_kept",
        `Nothing is kept of what decision ${id} changed: it moved nothing, is too old, or was never made.`,
      );
    return changeBody(pool, change, model);
  });

  app.get<{ Params: { pool: string } }>("/ep/v1/forecast/:pool", async ({ params }) => {
    const { pool, view } = poolNamed(pools, params.pool).loop;
    return { pool, ...(view.changes.forecast ?? { decision: null, atMs: null, load: null }) };
  });
}

/** @throws InputError */
function decisionOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InputError("path", "decision", `is ${JSON.stringify(text)}; expected a decision's id, from 1`);
}

function changeBody(pool: string, change: PlacementChange, model: MoeModel): object {
  const { decision, epochBefore, epochAfter, layers, experts, topology, slots, touched } = change;
  const width = slotCount(topology);
  return {
    pool,
    decision,
    epochBefore,
    epochAfter,
    layers,
    experts,
    topology,
    expertBytes: expertBytes(model),
    slots: Array.from(slots.at, (at, i) => [
      Math.floor(at / width),
      at % width,
      slots.before[i],
      slots.after[i],
      slots.came[i],
    ]),
    touched: Array.from(touched.at, (at, i) => [
      Math.floor(at / experts),
      at % experts,
      touched.replicasBefore[i],
      touched.load[i] / 100,
      touched.place[i],
    ]),
  };
}
