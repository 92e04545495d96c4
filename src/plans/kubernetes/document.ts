/** One document of a manifest, and what it is in a line. */
export interface KubeDocument {
  readonly title: string;
  readonly body: KubeBody;
}

export interface KubeBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** Every Deployment and set keeps so many of its pods when machines are emptied. */
export function disruptionBudget(
  name: string,
  labels: Readonly<Record<string, string>>,
  keep: number,
): KubeBody {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, labels },
    spec: { minAvailable: keep, selector: { matchLabels: labels } },
  };
}

/** Apart from each other where that is possible. */
export function spreadOverNodes(labels: Readonly<Record<string, string>>): object {
  return {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  };
}
