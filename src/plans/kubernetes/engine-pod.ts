import type { FittedEngine } from "../../model/fitted-engine.ts";
import type { Gpu } from "../../model/gpu.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import {
  ENGINE_VERSIONS,
  type EngineCommand,
  type EngineStart,
  SERVER_PORT,
  exchangesFar,
  gpusOfNode,
} from "../starts/engine-start.ts";
import { START_WORDS } from "../starts/start-text.ts";
import { optionsFolder, optionsName } from "./engine-options.ts";
import { planName } from "./names.ts";
import { startSeconds, weightsName } from "./storage.ts";

/** SGLang's own, where decodes find prefills. */
const BOOTSTRAP_PORT = 8998;
const WEIGHTS_FOLDER = "/models";
const PROBE_SECONDS = 10;
/** SGLang answers for its health with a token, within 20 s. */
const HEALTH_SECONDS = 25;

/** Requests of a GPU: without any, pods are the first to go. */
const CPUS = 2;
const MEMORY_GIB = 16;
const SHARED_GIB = 4;

/** What a pod of a unit is: alone, or the first of several, or one of the others. */
export type PodPlace = "alone" | "first" | "other";

export function engineImage(engine: FittedEngine): string {
  const names: Readonly<Record<FittedEngine, string>> = {
    vllm: `vllm/vllm-openai:v${ENGINE_VERSIONS.vllm}`,
    sglang: `lmsysorg/sglang:v${ENGINE_VERSIONS.sglang}`,
    trtllm: `nvcr.io/nvidia/tensorrt-llm/release:${ENGINE_VERSIONS.trtllm}`,
  };
  return names[engine];
}

interface PodFacts {
  readonly place: PodPlace;
  readonly gpu: Gpu;
  /** For what it answers when it is told to stop. */
  readonly graceSeconds: number;
}

/** The pod of a node of a unit. */
export function enginePod(
  engine: FittedEngine,
  start: EngineStart,
  problem: PlanProblem,
  { place, gpu, graceSeconds }: PodFacts,
): object {
  const { model } = problem;
  const far = start.role !== "engine" || exchangesFar(start) || start.nodes > 1;
  const command = START_WORDS[engine](start, {
    rank: "$(LWS_WORKER_INDEX)",
    first: "$(LWS_LEADER_ADDRESS)",
    own: "$(POD_IP)",
  });
  const gpus = gpusOfNode(start);
  const options = command.options === null ? [] : [{ name: "options", mountPath: optionsFolder }];
  return {
    // Of variables that are named as the engine's own.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSeconds,
    containers: [
      {
        name: engine,
        image: engineImage(engine),
        command: commandOf(command, place),
        env: environmentOf(command, model.name),
        ports: place === "other" ? [] : portsOf(engine, start),
        resources: {
          limits: { [gpuResource(gpu)]: gpus },
          requests: { cpu: CPUS * gpus, memory: `${MEMORY_GIB * gpus}Gi` },
        },
        // Memory that network cards read and write stays where it is.
        ...(far ? { securityContext: { capabilities: { add: ["IPC_LOCK"] } } } : {}),
        // Only the first of several nodes answers over HTTP.
        ...(place === "other" ? {} : probesOf(problem)),
        volumeMounts: [
          { name: "shared-memory", mountPath: "/dev/shm" },
          { name: "weights", mountPath: WEIGHTS_FOLDER },
          ...options,
        ],
      },
    ],
    volumes: [
      { name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: `${SHARED_GIB * gpus}Gi` } },
      { name: "weights", persistentVolumeClaim: { claimName: weightsName(model.name) } },
      ...(options.length === 0 ? [] : [{ name: "options", configMap: { name: optionsName(model.name) } }]),
    ],
  };
}

export function gpuResource({ generation }: Gpu): string {
  return generation === "cdna3" ? "amd.com/gpu" : "nvidia.com/gpu";
}

/** The name of the Secret with the keys, which nobody writes into a file. */
export function keysName(model: string): string {
  return `${planName(model)}-keys`;
}

function commandOf({ words, elsewhere, options }: EngineCommand, place: PodPlace): string[] {
  const there = words.map((word) => (word === options?.file ? `${optionsFolder}/${word}` : word));
  return place === "other" ? [...there, ...elsewhere] : there;
}

function environmentOf({ environment }: EngineCommand, model: string): object[] {
  const token = { name: keysName(model), key: "hugging-face", optional: true };
  return [
    { name: "HF_HOME", value: WEIGHTS_FOLDER },
    { name: "HF_TOKEN", valueFrom: { secretKeyRef: token } },
    { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
    ...Object.entries(environment).map(([name, value]) => ({ name, value })),
  ];
}

function portsOf(engine: FittedEngine, { role }: EngineStart): object[] {
  const http = { name: "http", containerPort: SERVER_PORT };
  return engine === "sglang" && role === "prefill"
    ? [http, { name: "bootstrap", containerPort: BOOTSTRAP_PORT }]
    : [http];
}

function probesOf(problem: PlanProblem): object {
  const health = { httpGet: { path: "/health", port: "http" }, timeoutSeconds: HEALTH_SECONDS };
  const probe = { ...health, periodSeconds: PROBE_SECONDS };
  return {
    startupProbe: { ...probe, failureThreshold: Math.ceil(startSeconds(problem) / PROBE_SECONDS) },
    readinessProbe: probe,
    livenessProbe: { ...health, periodSeconds: 3 * PROBE_SECONDS, failureThreshold: 4 },
  };
}
