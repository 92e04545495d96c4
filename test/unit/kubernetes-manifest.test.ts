import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { manifestText } from "../../src/cli/plan/manifest-text.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import type { FittedEngine } from "../../src/model/fitted-engine.ts";
import { gpusOf } from "../../src/planner/layout.ts";
import type { Plan } from "../../src/planner/plan.ts";
import { imageEnvironment } from "../image-environment.ts";
import { gatewayConfig } from "../../src/plans/gateway-config.ts";
import { kubernetesManifest } from "../../src/plans/kubernetes/manifest.ts";
import { planName } from "../../src/plans/kubernetes/names.ts";
import { readPlanProblem } from "../../src/plans/plan-inputs.ts";
import type { Parallelism } from "../../src/twin/calibration/serving-point.ts";

interface Case {
  readonly title: string;
  readonly model: string;
  readonly gpu: string;
  readonly engine?: FittedEngine;
  readonly prefill: Parallelism | null;
  readonly decode: Parallelism;
  readonly units: number;
  readonly spare: "0" | "1";
}

const spread = (gpus: number): Parallelism => ({ tp: 1, dp: gpus, ep: gpus, moeTp: 1 });
const tensor = (gpus: number): Parallelism => ({ tp: gpus, dp: 1, ep: 1, moeTp: gpus });

const ON_A_NODE = {
  title: "vLLM on a part of a node",
  model: "mixtral-8x7b",
  gpu: "h100",
  prefill: null,
  decode: tensor(2),
  units: 6,
  spare: "1",
} as const;
const CASES: readonly Case[] = [
  ON_A_NODE,
  {
    ...ON_A_NODE,
    title: "vLLM over four nodes",
    model: "deepseek-v3.1",
    gpu: "h200",
    decode: spread(32),
    units: 2,
  },
  {
    ...ON_A_NODE,
    title: "two trays of an NVLink domain",
    gpu: "gb200",
    decode: tensor(8),
    units: 2,
    spare: "0",
  },
  {
    ...ON_A_NODE,
    title: "SGLang apart",
    engine: "sglang",
    gpu: "h200",
    prefill: spread(8),
    decode: spread(16),
  },
  { ...ON_A_NODE, title: "TensorRT-LLM", engine: "trtllm" },
  { ...ON_A_NODE, title: "TensorRT-LLM apart", engine: "trtllm", prefill: tensor(2), decode: tensor(4) },
];

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** As far as a manifest looks at it. */
async function planned({ model, gpu, engine, prefill, decode, units, spare }: Case) {
  const flags = { model, gpu, spare, slo: "chat", rate: 1, maxGpus: 512, seed: 1 } as const;
  const { problem } = await readPlanProblem(engine === undefined ? flags : { ...flags, engine });
  const [type] = problem.types;
  const chosen = {
    gpus: units * (gpusOf(decode) + (prefill === null ? 0 : gpusOf(prefill))),
    layout: { type, prefill, decode, redundantSlots: 0, stepTokens: 2048 },
    trials: [{ e2eMs: 6000 }],
  };
  const plan = { chosen, units, running: 64 } as unknown as Plan;
  const config = stringify(gatewayConfig(plan, problem));
  return { plan, problem, config, manifest: kubernetesManifest(plan, problem, config) };
}

/** What Kubernetes makes of a document: as much of it as is looked at here. */
type Any = ReturnType<typeof JSON.parse>;

interface Pods {
  readonly set: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
  readonly spec: Any;
}

function podsOf(documents: readonly Any[]): Pods[] {
  return documents.flatMap(({ kind, metadata: { name: set }, spec }) => {
    if (kind === "Deployment" || kind === "StatefulSet") {
      const { metadata, spec: pod } = spec.template;
      return [{ set, labels: metadata.labels, count: spec.replicas, spec: pod }];
    }
    if (kind !== "LeaderWorkerSet") return [];
    const { size, leaderTemplate: first, workerTemplate: other } = spec.leaderWorkerTemplate;
    return [
      { set, labels: first.metadata.labels, count: spec.replicas, spec: first.spec },
      { set, labels: other.metadata.labels, count: spec.replicas * (size - 1), spec: other.spec },
    ];
  });
}

function gpusOfPods(pods: readonly Pods[]): number {
  const of = ({ resources: { limits = {} } }: Any) => limits["nvidia.com/gpu"] ?? 0;
  return pods.reduce((sum, { count, spec }) => sum + count * of(spec.containers[0]), 0);
}

const sameLabels = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b);

describe.each(CASES)("$title", (one) => {
  test("all that a document names is there, and adds up", async () => {
    const { plan, problem, config, manifest } = await planned(one);
    if (typeof manifest === "string") throw new Error(manifest);
    const parsed = parseAllDocuments(manifestText(manifest));
    expect(parsed.flatMap(({ errors }) => errors)).toEqual([]);
    const documents = parsed.map((document) => document.toJS());
    const named = (kind: string) =>
      documents.filter((document) => document.kind === kind).map(({ metadata }) => metadata.name);
    for (const kind of new Set(documents.map((document) => document.kind as string)))
      expect(new Set(named(kind)).size).toBe(named(kind).length);

    const pods = podsOf(documents);
    expect(gpusOfPods(pods)).toBe(plan.chosen.gpus);
    for (const { spec } of pods) {
      for (const volume of spec.volumes) {
        if (volume.configMap !== undefined) expect(named("ConfigMap")).toContain(volume.configMap.name);
        if (volume.persistentVolumeClaim !== undefined)
          expect(named("PersistentVolumeClaim")).toContain(volume.persistentVolumeClaim.claimName);
      }
      const [{ volumeMounts }] = spec.containers;
      const volumes = spec.volumes.map(({ name }: Any) => name);
      expect(volumeMounts.map(({ name }: Any) => name)).toEqual(volumes);
    }

    for (const { spec } of documents.filter(({ kind }) => kind === "Service")) {
      const chosen = pods.filter(({ labels }) => sameLabels(labels, spec.selector));
      expect(chosen).toHaveLength(1);
      const [container] = chosen[0].spec.containers;
      for (const { targetPort, port } of spec.ports)
        expect(container.ports).toContainEqual({ name: targetPort, containerPort: port });
    }
    const budgets = documents.filter(({ kind }) => kind === "PodDisruptionBudget");
    for (const { spec } of budgets) {
      const chosen = pods.filter(({ labels }) => sameLabels(labels, spec.selector.matchLabels));
      const count = chosen.reduce((sum, each) => sum + each.count, 0);
      const away = gpusOfPods(chosen) === 0 ? 1 : problem.spare * (count / plan.units);
      expect(spec.minAvailable).toBe(count - away);
    }
    expect(budgets.length).toBe(one.prefill === null ? 2 : 3);

    await checkConfig(config, documents, pods);
    expect(manifest.head.join("\n")).toContain("kubectl create secret generic");
  });
});

/** The gateway's configuration is one, and asks the pods that there are. */
async function checkConfig(config: string, documents: readonly Any[], pods: readonly Pods[]): Promise<void> {
  const map = documents.find(({ kind, data }) => kind === "ConfigMap" && data["plimsoll.yaml"] !== undefined);
  expect(map.data["plimsoll.yaml"]).toBe(config);
  const { env } = documents
    .filter(({ kind }) => kind === "Deployment")
    .flatMap(({ spec }) => spec.template.spec.containers)
    .find(({ name }) => name === "plimsoll");
  const own = (env as readonly { readonly name: string; readonly value?: string }[]).flatMap(
    ({ name, value }) => (value === undefined ? [] : [[name, value] as const]),
  );
  const environment = { ...(await imageEnvironment()), ...Object.fromEntries(own) };
  const { pools, notes } = await loadConfig(await folder.write("plimsoll.yaml", config), environment);
  expect(notes).toEqual([]);
  const [pool] = pools;
  const servers = "prefill" in pool ? [pool.prefill, pool.decode] : "servers" in pool ? [pool.servers] : [];
  expect(servers.length).toBeGreaterThan(0);
  for (const { urls } of servers) {
    const hosts = urls.map((url) => new URL(url).host);
    const set = pods.find(({ set: name }) => hosts[0].includes(`.${name}:`));
    if (set === undefined) {
      // A Service's own name.
      expect(
        documents.filter(({ kind }) => kind === "Service").map(({ metadata }) => metadata.name),
      ).toContain(hosts[0].split(":")[0]);
      continue;
    }
    const { containerPort } = set.spec.containers[0].ports[0];
    expect(hosts).toEqual(
      Array.from({ length: set.count }, (_, i) => `${set.set}-${i}.${set.set}:${containerPort}`),
    );
  }
}

test("pods of a unit of several nodes have their number and the first one's address", async () => {
  const { manifest } = await planned(CASES[1]);
  if (typeof manifest === "string") throw new Error(manifest);
  const set = manifest.documents.find(({ body }) => body.kind === "LeaderWorkerSet")?.body as Any;
  const { leaderTemplate, workerTemplate, size } = set.spec.leaderWorkerTemplate;
  expect(size).toBe(4);
  const commands = [leaderTemplate, workerTemplate].map(({ spec }) => spec.containers[0].command.join(" "));
  for (const command of commands)
    expect(command).toContain(
      "--nnodes 4 --node-rank $(LWS_WORKER_INDEX) --master-addr $(LWS_LEADER_ADDRESS)",
    );
  expect(commands.map((command) => command.endsWith(" --headless"))).toEqual([false, true]);
  expect(manifest.head.join("\n")).toContain("LeaderWorkerSet controller");
});

test("TensorRT-LLM over several nodes has no manifest, with why", async () => {
  const { manifest } = await planned({ ...CASES[1], engine: "trtllm" });
  expect(manifest).toMatch(/MPI/);
});

test("names are what Kubernetes takes for labels", () => {
  expect(planName("deepseek-v3.1")).toBe("deepseek-v3-1");
  expect(planName("3M_Model")).toBe("m-model");
  expect(planName("…")).toBe("plan");
  expect(planName("a".repeat(99))).toBe("a".repeat(32));
});
