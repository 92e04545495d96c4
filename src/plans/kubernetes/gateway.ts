import { createHash } from "node:crypto";
import { type KubeDocument, disruptionBudget, spreadOverNodes } from "./document.ts";
import { keysName } from "./engine-pod.ts";
import { labelsOf, roleName } from "./names.ts";

const PORT = 8080;
const GATEWAYS = 2;
/** Until every node knows that a pod receives nothing more. */
const LEAVE_SECONDS = 5;
const STOP_SECONDS = 15;
export const GATEWAY_IMAGE = "plimsoll:latest";
const CONFIG_FOLDER = "/etc/plimsoll";
const CONFIG_FILE = "plimsoll.yaml";
/** `node` of the image. */
const USER = 1000;

/** Two gateways and their configuration. @param config plimsoll.yaml; @param graceSeconds as it says */
export function gatewayDocuments(model: string, config: string, graceSeconds: number): KubeDocument[] {
  const name = roleName(model, "gateway");
  const labels = labelsOf(model, "gateway");
  const digest = createHash("sha256").update(config).digest("hex").slice(0, 16);
  const template = {
    metadata: { labels, annotations: { "plimsoll/config": digest } },
    spec: {
      enableServiceLinks: false,
      terminationGracePeriodSeconds: graceSeconds + LEAVE_SECONDS + STOP_SECONDS,
      topologySpreadConstraints: [spreadOverNodes(labels)],
      securityContext: { runAsNonRoot: true, runAsUser: USER, seccompProfile: { type: "RuntimeDefault" } },
      containers: [container(model)],
      volumes: [{ name: "config", configMap: { name } }],
    },
  };
  return [
    {
      title: "The gateway's configuration.",
      body: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name, labels },
        data: { [CONFIG_FILE]: config },
      },
    },
    {
      title: "Gateways.",
      body: {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name, labels },
        spec: { replicas: GATEWAYS, selector: { matchLabels: labels }, template },
      },
    },
    {
      title: `Where clients ask: http://${name}:${PORT}/v1.`,
      body: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, labels },
        spec: { selector: labels, ports: [{ name: "http", port: PORT, targetPort: "http" }] },
      },
    },
    { title: "One of them always stays.", body: disruptionBudget(name, labels, GATEWAYS - 1) },
  ];
}

function container(model: string): object {
  return {
    name: "plimsoll",
    image: GATEWAY_IMAGE,
    args: ["serve", "--config", `${CONFIG_FOLDER}/${CONFIG_FILE}`],
    env: [
      // Clients need no key: whoever the cluster's network policies let in may ask.
      { name: "PLIMSOLL_ACCESS_ANONYMOUS", value: "true" },
      {
        name: "PLIMSOLL_KEY",
        valueFrom: { secretKeyRef: { name: keysName(model), key: "operator" } },
      },
    ],
    ports: [{ name: "http", containerPort: PORT }],
    resources: { requests: { cpu: 1, memory: "512Mi" }, limits: { memory: "2Gi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    lifecycle: { preStop: { exec: { command: ["sleep", `${LEAVE_SECONDS}`] } } },
    startupProbe: { ...probe("/health"), periodSeconds: 2, failureThreshold: 30 },
    livenessProbe: { ...probe("/health"), periodSeconds: 10 },
    readinessProbe: { ...probe("/ready"), periodSeconds: 5 },
    volumeMounts: [{ name: "config", mountPath: CONFIG_FOLDER }],
  };
}

function probe(path: string): object {
  return { httpGet: { path, port: "http" }, timeoutSeconds: 3 };
}
