import { readFile } from "node:fs/promises";
import { Ajv } from "ajv";
import { beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { type Manifest, schemaFaults } from "../kubernetes-schemas.ts";
import { imageEnvironment } from "../image-environment.ts";
import { rendered, renderedOf, RENDERINGS } from "../rendered-manifests.ts";

const ROOT = new URL("../../", import.meta.url);
const textOf = (path: string) => readFile(new URL(path, ROOT), "utf8");
const documentsIn = (text: string) =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((document) => document !== null);

const golden = new Map<string, string>();
beforeAll(async () => {
  for (const name of Object.keys(RENDERINGS))
    golden.set(name, await textOf(`test/golden/kubernetes/${name}.rendered.yaml`));
});

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly serviceAccountName: string;
  readonly containers: readonly [
    {
      readonly securityContext: object;
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
      readonly args: readonly string[];
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
      readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
      readonly livenessProbe: object;
      readonly readinessProbe: object;
    },
  ];
}

type Labels = Readonly<Record<string, string>>;

describe.each(Object.entries(RENDERINGS))("%s", (name, rendering) => {
  const all = () => documentsIn(golden.get(name) ?? "");
  const of = (kind: string) => all().filter((one) => one.kind === kind);
  const isComplete = name.endsWith("complete");
  const deployment = () =>
    of("Deployment")[0] as unknown as {
      spec: {
        readonly replicas?: number;
        readonly selector: { readonly matchLabels: Labels };
        readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
      };
    };

  test("is rendered from these very sources", () => {
    expect(golden.get(name)?.split("\n")[0]).toBe(renderedOf(rendering));
  });

  test("is what the tool makes of them (kustomize, kubectl or helm)", ({ skip }) => {
    const now = rendered(rendering);
    if (now === null) return skip(`${rendering.commands[0][0]} is not installed`);
    expect(documentsIn(now)).toEqual(all());
  });

  test("is what Kubernetes' own schemas, and prometheus-operator's, take", () => {
    expect(all().flatMap((one) => schemaFaults(one).map((fault) => `${one.kind}: ${fault}`))).toEqual([]);
    const kinds = [
      "ConfigMap",
      "Deployment",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "Service",
      "ServiceAccount",
    ];
    const more = ["HorizontalPodAutoscaler", "Role", "RoleBinding", "ServiceMonitor"];
    expect(new Set(all().map(({ kind }) => kind))).toEqual(new Set([...kinds, ...(isComplete ? more : [])]));
  });

  test("runs as nobody, with nothing that it could write or ask but what it needs", () => {
    const { spec } = deployment().spec.template;
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    // The cluster's API is for gateways that find servers there.
    expect(spec.automountServiceAccountToken).toBe(isComplete);
    expect(of("ServiceAccount")[0]).toMatchObject({ automountServiceAccountToken: false });
    for (const { rules } of of("Role"))
      expect(rules).toEqual([
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
      ]);
    for (const { subjects } of of("RoleBinding"))
      expect(subjects).toEqual([expect.objectContaining({ name: spec.serviceAccountName })]);
  });

  test("leaves, lets streams finish, and only then has to be gone", async () => {
    const { spec } = deployment().spec.template;
    const [command, leaveSeconds] = spec.containers[0].lifecycle.preStop.exec.command;
    const { http } = await config();
    expect(command).toBe("sleep");
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      Number(leaveSeconds) + http.graceMs / 1000 + 5,
    );
    expect(spec.containers[0].livenessProbe).toMatchObject({ httpGet: { path: "/health", port: "http" } });
    expect(spec.containers[0].readinessProbe).toMatchObject({ httpGet: { path: "/ready", port: "http" } });
  });

  test("its parts name each other", async () => {
    const { spec } = deployment();
    const labels = spec.template.metadata.labels;
    const selected = (selector: Labels) =>
      Object.entries(selector).length > 0 &&
      Object.entries(selector).every(([key, value]) => labels[key] === value);
    const [service] = of("Service");
    const { selector, ports } = service["spec"] as {
      readonly selector: Labels;
      readonly ports: readonly { readonly name: string; readonly targetPort: string }[];
    };
    const chosen = [...of("PodDisruptionBudget"), ...of("NetworkPolicy")].map(
      (one) => one["spec"] as { selector?: { matchLabels: Labels }; podSelector?: { matchLabels: Labels } },
    );
    for (const one of [selector, spec.selector.matchLabels]) expect(selected(one)).toBe(true);
    for (const { selector: budget, podSelector: policy } of chosen)
      expect(selected((budget ?? policy)?.matchLabels ?? {})).toBe(true);
    const [container] = spec.template.spec.containers;
    expect(container.ports).toEqual([{ name: "http", containerPort: 8080 }]);
    expect(ports).toMatchObject([{ name: "http", targetPort: "http" }]);
    const path = container.args.at(-1) ?? "";
    const mount = container.volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
    expect(Object.keys(configMap().data)).toEqual([path.slice((mount?.mountPath.length ?? 0) + 1)]);
    for (const monitor of of("ServiceMonitor")) {
      const { endpoints, selector: watched } = monitor["spec"] as {
        readonly endpoints: readonly object[];
        readonly selector: { readonly matchLabels: Labels };
      };
      expect(endpoints).toMatchObject([{ port: "http", path: "/metrics" }]);
      for (const [key, value] of Object.entries(watched.matchLabels))
        expect([key, service.metadata.labels[key]]).toEqual([key, value]);
    }
  });

  test("scales by a metric of the gateways, and then has no number of its own", async () => {
    expect(deployment().spec.replicas === undefined).toBe(isComplete);
    const metrics = await textOf("docs/metrics.md");
    for (const autoscaler of of("HorizontalPodAutoscaler")) {
      const { metrics: used } = autoscaler["spec"] as {
        readonly metrics: readonly { readonly pods: { readonly metric: { readonly name: string } } }[];
      };
      for (const { pods } of used) expect(metrics).toContain(`| \`${pods.metric.name}\` | gauge |`);
    }
  });

  function configMap(): { readonly data: Readonly<Record<string, string>> } {
    return of("ConfigMap")[0] as unknown as { data: Record<string, string> };
  }

  async function config() {
    await using folder = await scratchFolder();
    const [text] = Object.values(configMap().data);
    // The API server that a pod of a cluster has.
    const cluster = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
    const environment = { ...(await imageEnvironment()), ...cluster };
    return await loadConfig(await folder.write("plimsoll.yaml", text), environment);
  }
});

test("the chart has the package's version", async () => {
  const chart = parse(await textOf("deploy/kubernetes/helm/Chart.yaml")) as object;
  expect(chart).toMatchObject({ version: manifest.version, appVersion: manifest.version });
});

test("what the chart takes by default, and all that it has, is what its schema takes; a name that it does not know is refused", async () => {
  const check = new Ajv({ strict: false }).compile(
    JSON.parse(await textOf("deploy/kubernetes/helm/values.schema.json")) as object,
  );
  const values = parse(await textOf("deploy/kubernetes/helm/values.yaml")) as object;
  const complete = parse(await textOf("test/golden/kubernetes/complete.yaml")) as object;
  for (const given of [values, { ...values, ...complete }])
    expect([check(given), check.errors]).toEqual([true, null]);
  expect(check({ ...values, replica: 3 })).toBe(false);
});

test("a manifest with a field that Kubernetes does not have is refused", () => {
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { port: 80 } };
  expect(schemaFaults(service as unknown as Manifest).join()).toContain("port");
});
