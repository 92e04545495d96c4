import { ENGINE_NAMES } from "../../model/fitted-engine.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { chosenEngine, graceMs } from "../gateway-config.ts";
import type { EngineStart } from "../starts/engine-start.ts";
import { engineStarts } from "../starts/engine-starts.ts";
import { startNotes } from "../starts/start-notes.ts";
import type { KubeDocument } from "./document.ts";
import { engineOptions } from "./engine-options.ts";
import { engineImage, gpuResource, keysName } from "./engine-pod.ts";
import { engineSet } from "./engine-set.ts";
import { GATEWAY_IMAGE, gatewayDocuments } from "./gateway.ts";
import { pairsDocuments } from "./pairs.ts";
import { weightsClaim, weightsName } from "./storage.ts";

export interface Manifest {
  /** What cannot be known here and is to be filled in, in lines. */
  readonly head: readonly string[];
  readonly documents: readonly KubeDocument[];
}

/**
 * A plan in Kubernetes.
 * @param config of the gateway, as text
 * @returns why there is none, where the engine is not started by pods alone
 */
export function kubernetesManifest(plan: Plan, problem: PlanProblem, config: string): Manifest | string {
  const engine = chosenEngine(problem);
  const starts = engineStarts(plan, problem);
  const { name } = problem.model;
  if (engine === "trtllm" && starts.some(({ nodes }) => nodes > 1))
    return "TensorRT-LLM over several nodes is started by MPI, which takes an operator of its own";
  const options = engineOptions(engine, starts, plan.units);
  const pairs = engine === "trtllm" && starts.length > 1;
  const documents: KubeDocument[] = [
    { title: "The weights, for all pods.", body: weightsClaim(problem) },
    ...(options === null ? [] : [{ title: `Options of ${ENGINE_NAMES[engine]}.`, body: options }]),
    ...starts.flatMap((start) => engineSet(engine, start, plan, problem)),
    ...(pairs ? pairsDocuments(name) : []),
    ...gatewayDocuments(name, config, graceMs(plan) / 1000),
  ];
  return { head: headOf(plan, problem, starts), documents };
}

function headOf({ chosen, units }: Plan, problem: PlanProblem, starts: readonly EngineStart[]): string[] {
  const { model } = problem;
  const engine = chosenEngine(problem);
  const { gpu } = chosen.layout.type;
  const several = starts.some(({ nodes }) => nodes > 1);
  const fill = [
    `image ${GATEWAY_IMAGE}: build it from this project's Dockerfile and push it to a registry of yours`,
    `image ${engineImage(engine)}: the version that these arguments were checked with; a newer one may have others`,
    `storage: the claim ${weightsName(model.name)} takes the default storage class, which must allow ReadWriteMany`,
    `keys: kubectl create secret generic ${keysName(model.name)} --from-literal=operator=$(openssl rand -hex 32)` +
      " (--from-literal=hugging-face=TOKEN where the weights ask for one)",
    ...new Set(
      starts.flatMap((start) => startNotes(engine, start, problem).map((note) => `weights: ${note}`)),
    ),
  ];
  const needs = [
    `nodes with ${gpu.name.toUpperCase()} that offer ${gpuResource(gpu)}; where there are others too, add a nodeSelector`,
    ...(several
      ? ["the LeaderWorkerSet controller (sigs.k8s.io/lws, 0.6 or newer), for units of several nodes"]
      : []),
    ...(several || starts.length > 1
      ? [
          "the network cards between nodes: the resource of your cluster's device plugin (rdma/…), or hostNetwork",
        ]
      : []),
    ...(starts.some(({ nodes, oneDomain }) => nodes > 1 && oneDomain)
      ? ["a ComputeDomain of NVIDIA's DRA driver, for NVLink between nodes"]
      : []),
  ];
  return [
    `${model.name} by ${ENGINE_NAMES[engine]}: ${chosen.gpus} ${gpu.name.toUpperCase()} in ${units} units. kubectl apply -f kubernetes.yaml`,
    "",
    "To fill in, what nobody but you knows:",
    ...fill.map((line) => `- ${line}`),
    "",
    "What the cluster must have:",
    ...needs.map((line) => `- ${line}`),
  ];
}
