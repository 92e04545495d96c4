import type { KubeDocument } from "./document.ts";
import { engineImage } from "./engine-pod.ts";
import { PAIRS_FILE, optionsFolder, optionsName } from "./engine-options.ts";
import { labelsOf, roleName } from "./names.ts";
import { SERVER_PORT } from "../starts/engine-start.ts";

/** TensorRT-LLM's server that pairs prefill and decode. */
export function pairsDocuments(model: string): KubeDocument[] {
  const name = roleName(model, "pairs");
  const labels = labelsOf(model, "pairs");
  const container = {
    name: "pairs",
    image: engineImage("trtllm"),
    command: ["trtllm-serve", "disaggregated", "-c", `${optionsFolder}/${PAIRS_FILE}`],
    ports: [{ name: "http", containerPort: SERVER_PORT }],
    resources: { requests: { cpu: 2, memory: "4Gi" } },
    readinessProbe: { httpGet: { path: "/health", port: "http" }, periodSeconds: 10 },
    volumeMounts: [{ name: "options", mountPath: optionsFolder }],
  };
  return [
    {
      title: "TensorRT-LLM's server that pairs prefill and decode.",
      body: {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name, labels },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [container],
              volumes: [{ name: "options", configMap: { name: optionsName(model) } }],
            },
          },
        },
      },
    },
    {
      title: "Its name for the gateway.",
      body: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, labels },
        spec: { selector: labels, ports: [{ name: "http", port: SERVER_PORT, targetPort: "http" }] },
      },
    },
  ];
}
