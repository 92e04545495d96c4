import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { z } from "zod";
import type { DiscoverySource, KubernetesDiscovery, ServerRole } from "./discover-config.ts";
import type { discoverSchema } from "./discover-schema.ts";
import { type Place, faultAt, inside } from "./place.ts";

export type WrittenDiscover = z.output<typeof discoverSchema>;
type WrittenKubernetes = NonNullable<WrittenDiscover["kubernetes"]>;

/** Where a pod finds what it may ask the API server with. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface DiscoverReading {
  readonly environment: NodeJS.ProcessEnv;
  /** From where a path that is written there leads. */
  readonly folderOf: (field: readonly PropertyKey[]) => string;
}

/**
 * Where a pool's servers are found.
 * @param role of these servers
 * @throws InputError
 */
export function readDiscover(
  { dns, file, kubernetes }: WrittenDiscover,
  role: ServerRole,
  place: Place,
  reading: DiscoverReading,
): DiscoverySource {
  const named = [dns, file, kubernetes].filter((one) => one !== undefined).length;
  if (named !== 1)
    throw faultAt(place, `names ${named} sources; expected one of \`dns\`, \`file\` and \`kubernetes\``);
  if (dns !== undefined) return { kind: "dns", ...dns };
  if (file !== undefined) {
    const at = inside(place, "file", "path");
    return { kind: "file", path: resolve(reading.folderOf(at.field), file.path), role };
  }
  return readKubernetes(kubernetes as WrittenKubernetes, inside(place, "kubernetes"), reading);
}

function readKubernetes(
  { service, selector, port, scheme, path, ...written }: WrittenKubernetes,
  place: Place,
  { environment, folderOf }: DiscoverReading,
): KubernetesDiscovery {
  if ((service === undefined) === (selector === undefined))
    throw faultAt(place, "expected either `service`, or `selector`, a label selector of EndpointSlices");
  const pathOf = (setting: "tokenFile" | "caFile", usual: string | null) => {
    const own = written[setting];
    return own === undefined ? usual : resolve(folderOf(inside(place, setting).field), own);
  };
  const inCluster = written.server === undefined;
  return {
    kind: "kubernetes",
    server: (written.server ?? serverAround(environment, place)).replace(/\/+$/, ""),
    tokenFile: pathOf("tokenFile", inCluster ? `${SERVICE_ACCOUNT}/token` : null),
    caFile: pathOf("caFile", inCluster ? `${SERVICE_ACCOUNT}/ca.crt` : null),
    namespace: written.namespace ?? namespaceAround(inside(place, "namespace")),
    selector: selector ?? `kubernetes.io/service-name=${service}`,
    port: port ?? null,
    scheme,
    path,
  };
}

/** The API server of the cluster that this process is a pod of. */
function serverAround(
  { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" }: NodeJS.ProcessEnv,
  place: Place,
): string {
  if (host === undefined || host === "")
    throw faultAt(
      inside(place, "server"),
      "is missing, and this process is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set); expected the API server's URL",
    );
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function namespaceAround(place: Place): string {
  try {
    return readFileSync(`${SERVICE_ACCOUNT}/namespace`, "utf8").trim();
  } catch {
    throw faultAt(place, "is missing, and this process is no pod that has one; expected a namespace's name");
  }
}
