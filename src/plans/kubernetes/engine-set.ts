import type { FittedEngine } from "../../model/fitted-engine.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { graceMs } from "../gateway-config.ts";
import { type EngineStart, SERVER_PORT, gpusOfNode } from "../starts/engine-start.ts";
import { type KubeBody, type KubeDocument, disruptionBudget, spreadOverNodes } from "./document.ts";
import { type PodPlace, enginePod } from "./engine-pod.ts";
import { labelsOf, roleName } from "./names.ts";

/** What pods have left after the last answer. */
const STOP_SECONDS = 30;

/** All units' pools of one kind: a set with a pod for each, or with a group of pods where these lie on several nodes. */
export function engineSet(
  engine: FittedEngine,
  start: EngineStart,
  plan: Plan,
  problem: PlanProblem,
): KubeDocument[] {
  const { units } = plan;
  const { role, nodes } = start;
  const { spare, model } = problem;
  const name = roleName(model.name, role);
  const labels = labelsOf(model.name, role);
  const what = { engine: "Engines", prefill: "Engines for prompts", decode: "Engines for answers" }[role];
  const where = nodes > 1 ? ` on each of ${nodes} nodes` : "";
  const title = `${what}: ${units} with ${gpusOfNode(start)} GPUs${where}, ${spare} of them to spare.`;
  const budget = disruptionBudget(name, labels, (units - spare) * nodes);
  const kept = `While nodes are drained ${units - spare} of them stay.`;
  const facts = { gpu: plan.chosen.layout.type.gpu, graceSeconds: graceMs(plan) / 1000 + STOP_SECONDS };
  const pod = (place: PodPlace) => enginePod(engine, start, problem, { place, ...facts });
  const set = nodes === 1 ? statefulSet : leaderWorkerSet;
  return [
    ...(nodes === 1 ? [{ title: "A name for each of them.", body: headlessService(name, labels) }] : []),
    { title, body: set({ name, labels, units, start, pod }) },
    { title: kept, body: budget },
  ];
}

function headlessService(name: string, labels: Readonly<Record<string, string>>): KubeBody {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels },
    spec: {
      clusterIP: "None",
      // The gateway asks each for its health; a name is there before that is good.
      publishNotReadyAddresses: true,
      selector: labels,
      ports: [{ name: "http", port: SERVER_PORT, targetPort: "http" }],
    },
  };
}

interface PodSet {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly units: number;
  readonly start: EngineStart;
  readonly pod: (place: PodPlace) => object;
}

function statefulSet({ name, labels, units, pod }: PodSet): KubeBody {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name, labels },
    spec: {
      serviceName: name,
      replicas: units,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          topologySpreadConstraints: [spreadOverNodes(labels)],
          ...pod("alone"),
        },
      },
    },
  };
}

/** Its controller makes the Service that names its pods. */
function leaderWorkerSet({ name, labels, units, start, pod }: PodSet): KubeBody {
  const template = (place: "first" | "other") => ({
    metadata: { labels },
    spec: {
      ...(start.oneDomain ? { affinity: sameDomain() } : {}),
      ...pod(place),
    },
  });
  return {
    apiVersion: "leaderworkerset.x-k8s.io/v1",
    kind: "LeaderWorkerSet",
    metadata: { name, labels },
    spec: {
      replicas: units,
      leaderWorkerTemplate: {
        size: start.nodes,
        restartPolicy: "RecreateGroupOnPodRestart",
        leaderTemplate: template("first"),
        workerTemplate: template("other"),
      },
    },
  };
}

/** The pods of a group in one NVLink domain, as NVIDIA's feature discovery labels nodes. */
function sameDomain(): object {
  const term = {
    topologyKey: "nvidia.com/gpu.clique",
    labelSelector: {
      matchExpressions: [{ key: "leaderworkerset.sigs.k8s.io/group-key", operator: "Exists" }],
    },
    matchLabelKeys: ["leaderworkerset.sigs.k8s.io/group-key"],
  };
  return {
    podAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
    },
  };
}
