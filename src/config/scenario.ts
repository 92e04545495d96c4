import { dirname, resolve } from "node:path";
import { z } from "zod";
import { InputError } from "../lib/errors.ts";
import type { Cadence } from "../model/cadence.ts";
import { BALANCE_POLICY_NAMES, type BalancePolicyName } from "../model/balance-policy-name.ts";
import { CONSUMER_DISPATCHES, type ConsumerDispatch } from "../model/consumer-dispatch.ts";
import { DEFAULT_FIDELITY, FIDELITIES, type Fidelity } from "../model/fidelity.ts";
import { MOST_SKEW } from "../model/expert-skew.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { RANK_ASSIGNMENTS, type RankAssignment } from "../model/rank-assignment.ts";
import type { Topology } from "../model/topology.ts";
import {
  type ScenarioHardware,
  checkAssignment,
  expertUnits,
  hardwareShape,
  readHardware,
  servedModel,
} from "./scenario-hardware.ts";
import { type ScenarioServing, readServing, servingShape } from "./scenario-serving.ts";
import { loadModel } from "./shapes.ts";
import { loadTopology } from "./topologies.ts";
import { isSection } from "./section.ts";
import { checkShape } from "./check-shape.ts";
import { readYamlFile } from "./yaml-file.ts";

/** Thirty years; times stay exact to less than a millisecond. */
const duration = z.number().positive().max(1e9);
/** Below that a run decides without end. */
const interval = z.number().min(0.001);
/** Beyond it times between requests are rounded to none. */
const MOST_REQUESTS = 1e6;

const scenarioSchema = z.strictObject({
  model: z.string().min(1),
  topology: z.string().min(1),
  /** A file, or null for conversation traffic drawn at `requestsPerSecond`. */
  trace: z.string().min(1).nullable(),
  requestsPerSecond: z.number().positive().max(MOST_REQUESTS).optional(),
  /** A file, or null for the gate on a synthetic source. */
  routing: z.string().min(1).nullable(),
  /** Of the synthetic source: how unevenly experts are asked. */
  skew: z.number().min(0).max(MOST_SKEW).optional(),
  /** A file of expert loads: tokens take experts as often as it has them. */
  load: z.string().min(1).optional(),
  /** A file with a label of whose each token of `routing` is: what a tenant's requests are known by. */
  tenants: z.string().min(1).optional(),
  durationSeconds: duration,
  sharesSeconds: interval,
  placementSeconds: interval,
  /** Without it as the gateway routes: by load, caches and experts, or prompts by their length where decoding is apart. */
  assignment: z.enum(RANK_ASSIGNMENTS).optional(),
  fidelity: z.enum(FIDELITIES).default(DEFAULT_FIDELITY),
  /** Each has a run of its own, on the same traffic. */
  policies: z
    .array(z.enum(BALANCE_POLICY_NAMES))
    .min(1)
    .default([...BALANCE_POLICY_NAMES]),
  /** How the engines split an expert's tokens; null for what suits the policy. */
  dispatch: z.enum(CONSUMER_DISPATCHES).nullable().default(null),
  ...hardwareShape,
  ...servingShape,
  /** Of the last policy's run, for a comparison of them all; none without. */
  recordTokens: z.int().positive().optional(),
  seed: z.int().nonnegative(),
});

/** docs/simulate.md has a row for each. */
export const SCENARIO_KEYS = Object.keys(scenarioSchema.shape);

/** What `simulate` runs: a pool or two, their traffic and their routing, in virtual time. */
export interface Scenario extends ScenarioServing, ScenarioHardware {
  readonly model: MoeModel;
  /** Places for experts: GPUs, or groups that share each. Of prompts, where decoding is apart. */
  readonly topology: Topology;
  /** Paths; null where the traffic or the routing is drawn. */
  readonly trace: string | null;
  readonly routing: string | null;
  readonly load: string | null;
  readonly tenants: string | null;
  /** Of drawn routing; null = the usual. */
  readonly skew: number | null;
  /** Of drawn traffic; null = the rate of the trace it was fitted to. */
  readonly requestsPerSecond: number | null;
  readonly durationMs: number;
  readonly cadence: Cadence;
  readonly assignment: RankAssignment;
  /** How each forward pass is worked out. */
  readonly fidelity: Fidelity;
  readonly policies: readonly BalancePolicyName[];
  readonly dispatch: ConsumerDispatch | null;
  /** Tokens kept for a comparison of all policies at most; 0 for none. */
  readonly recordTokens: number;
  readonly seed: number;
}

/**
 * Reads a scenario file (YAML); files it names are taken from its own folder.
 * @throws InputError
 */
export async function loadScenario(path: string): Promise<Scenario> {
  const file = await readYamlFile(path);
  if (isSection(file.value) && isSection(file.value["load"]))
    throw new InputError(path, "", "is a scenario of a load test; run `replay --scenario` with it");
  const written = checkShape(scenarioSchema, file.value, file.sourceOf);
  if (written.tenants !== undefined && written.routing === null) {
    throw new InputError(
      path,
      "tenants",
      "labels the tokens of `routing`, which is null; name a file or leave it out",
    );
  }
  checkExperts(path, written);
  const beside = (name: string | null) => (name === null ? null : resolve(dirname(path), name));
  const placeOf = (field: string) => ({ sourceOf: file.sourceOf, field: [field] });
  const model = servedModel(await loadModel(written.model, placeOf("model")), written);
  const top = { sourceOf: file.sourceOf, field: [] };
  const hardware = await readHardware(written, top);
  const gpus = await loadTopology(written.topology, model.experts, placeOf("topology"));
  const assignment =
    written.assignment ?? (written.decodeTopology === undefined ? "expert-aware" : "prefill");
  checkAssignment("assignment", assignment, hardware.shape, top);
  checkAssignment("decodeAssignment", written.decodeAssignment, hardware.shape, top);
  const topology = expertUnits(gpus, model.experts, hardware.shape, top);
  return {
    ...hardware,
    model,
    topology,
    trace: beside(written.trace),
    routing: beside(written.routing),
    load: beside(written.load ?? null),
    tenants: beside(written.tenants ?? null),
    skew: written.skew ?? null,
    requestsPerSecond: written.requestsPerSecond ?? null,
    durationMs: written.durationSeconds * 1000,
    cadence: { sharesMs: written.sharesSeconds * 1000, placementMs: written.placementSeconds * 1000 },
    assignment,
    fidelity: written.fidelity,
    policies: [...new Set(written.policies)],
    dispatch: written.dispatch,
    ...(await readServing(written, { path, topology, model, placeOf, shape: hardware.shape })),
    recordTokens: written.recordTokens ?? 0,
    seed: written.seed,
  };
}

/** One thing at most says which experts tokens take. @throws InputError */
function checkExperts(path: string, { routing, load, skew }: z.infer<typeof scenarioSchema>): void {
  const known = routing !== null ? "routing" : load === undefined ? null : "load";
  if (known === null) return;
  const other = skew !== undefined ? "skew" : known === "routing" && load !== undefined ? "load" : null;
  if (other === null) return;
  throw new InputError(
    path,
    other,
    `has no effect beside \`${known}\`, which says what experts tokens take; leave one out`,
  );
}
