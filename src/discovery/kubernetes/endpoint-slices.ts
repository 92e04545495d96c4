import { isIP } from "node:net";
import type { KubernetesDiscovery } from "../../config/discover-config.ts";
import type { Endpoint } from "../source.ts";

/** The fields of a `discovery.k8s.io/v1` EndpointSlice that are read, checked. */
export interface EndpointSlice {
  readonly name: string;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly ports: readonly { readonly name: string; readonly port: number | null }[];
  readonly endpoints: readonly SliceEndpoint[];
}

interface SliceEndpoint {
  readonly address: string;
  /** As the API has them; null where it says nothing. */
  readonly ready: boolean | null;
  readonly serving: boolean | null;
  readonly terminating: boolean | null;
  /** Null where no pod is behind it. */
  readonly pod: { readonly name: string; readonly uid: string } | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** Null for what is none. */
export function readEndpointSlice(value: unknown): EndpointSlice | null {
  const { metadata, addressType, ports, endpoints } = fieldsOf(value);
  const { name } = fieldsOf(metadata);
  if (typeof name !== "string") return null;
  if (addressType !== "IPv4" && addressType !== "IPv6" && addressType !== "FQDN") return null;
  return {
    name,
    addressType,
    ports: listOf(ports).flatMap((one) => {
      const { name: portName = "", port = null, protocol = "TCP" } = fieldsOf(one);
      if (protocol !== "TCP" || typeof portName !== "string") return [];
      return [{ name: portName, port: typeof port === "number" ? port : null }];
    }),
    endpoints: listOf(endpoints).flatMap((one) => readEndpoint(fieldsOf(one), addressType)),
  };
}

function readEndpoint(
  { addresses, conditions, targetRef }: Fields,
  type: EndpointSlice["addressType"],
): SliceEndpoint[] {
  // The API has one address each in use; of several, consumers take the first.
  const [address] = listOf(addresses);
  if (typeof address !== "string" || !isAddress(address, type)) return [];
  const { ready, serving, terminating } = fieldsOf(conditions);
  const { kind, name, uid } = fieldsOf(targetRef);
  const isPod = kind === "Pod" && typeof name === "string" && name !== "";
  return [
    {
      address,
      ready: flag(ready),
      serving: flag(serving),
      terminating: flag(terminating),
      pod: isPod ? { name, uid: typeof uid === "string" ? uid : "" } : null,
    },
  ];
}

/** What slices come to. */
export interface FoundInSlices {
  readonly endpoints: readonly Endpoint[];
  /** Why some of their endpoints cannot be used; null where all can. */
  readonly doubt: string | null;
}

/**
 * The servers behind some slices. One that is in several (they move from slice to slice, have an address of each family,
 * or belong to several Services) counts once: in its best state, and with an address of IPv4 where it has one.
 * @param slices those that changed last come last, and are believed before others
 */
export function serversOf(
  slices: Iterable<EndpointSlice>,
  terms: Pick<KubernetesDiscovery, "port" | "scheme" | "path">,
): FoundInSlices {
  const byServer = new Map<string, InFamily>();
  let doubt: string | null = null;
  for (const slice of [...slices].toReversed()) {
    if (slice.endpoints.length === 0) continue;
    const port = portOf(slice, terms.port);
    if (typeof port === "string") {
      doubt ??= `${slice.name} ${port}`;
      continue;
    }
    for (const one of slice.endpoints) {
      const found = { endpoint: endpointOf(one, slice, port, terms), family: slice.addressType };
      const key = one.pod === null || one.pod.uid === "" ? found.endpoint.url : one.pod.uid;
      const other = byServer.get(key);
      if (other === undefined || goesBefore(found, other)) byServer.set(key, found);
    }
  }
  const endpoints = [...byServer.values()].map(({ endpoint }) => endpoint);
  return { endpoints: endpoints.toSorted((a, b) => (a.url < b.url ? -1 : 1)), doubt };
}

const RANK = { ready: 0, serving: 1, unready: 2 };

interface InFamily {
  readonly endpoint: Endpoint;
  readonly family: EndpointSlice["addressType"];
}

function goesBefore(a: InFamily, b: InFamily): boolean {
  const [one, other] = [RANK[a.endpoint.state], RANK[b.endpoint.state]];
  return one === other ? a.family === "IPv4" && b.family === "IPv6" : one < other;
}

function endpointOf(
  { address, pod, ...conditions }: SliceEndpoint,
  { addressType }: EndpointSlice,
  port: number,
  { scheme, path }: Pick<KubernetesDiscovery, "scheme" | "path">,
): Endpoint {
  const host = addressType === "IPv6" ? `[${address}]` : address;
  const { origin } = new URL(`${scheme}://${host}:${port}`);
  return {
    url: origin + path.replace(/\/+$/, ""),
    authorization: null,
    name: pod,
    state: stateOf(conditions),
  };
}

/** Nothing said is read as the API defines it: ready, serving as it is ready, and not about to end. */
function stateOf({
  ready,
  serving,
  terminating,
}: Pick<SliceEndpoint, "ready" | "serving" | "terminating">): Endpoint["state"] {
  const isReady = ready ?? true;
  if (terminating !== true) return isReady ? "ready" : "unready";
  return (serving ?? isReady) ? "serving" : "unready";
}

/** @returns its number, or why there is none, as a clause */
function portOf({ ports }: EndpointSlice, wanted: string | number | null): number | string {
  // A slice without ports, or with one that has no number, leaves the choice to whoever connects.
  if (typeof wanted === "number") {
    const open = ports.length === 0 || ports.some(({ port }) => port === wanted || port === null);
    return open ? wanted : `has no port ${wanted}, only ${portsText(ports)}`;
  }
  const named = wanted === null ? ports : ports.filter(({ name }) => name === wanted);
  if (named.length === 1 && named[0].port !== null) return named[0].port;
  if (wanted !== null) return `has no port named ${wanted}, only ${portsText(ports)}`;
  return named.length > 1
    ? `has the ports ${portsText(ports)}; name one in \`port\``
    : "has no port; name its number in `port`";
}

function portsText(ports: EndpointSlice["ports"]): string {
  if (ports.length === 0) return "none";
  return ports
    .map(({ name, port }) => [name, port].filter((part) => part !== "" && part !== null).join(" "))
    .join(", ");
}

function isAddress(text: string, type: EndpointSlice["addressType"]): boolean {
  if (type === "FQDN") return /^[-A-Za-z0-9.]{1,253}$/.test(text);
  return isIP(text) === (type === "IPv4" ? 4 : 6) && !text.includes("%");
}

function flag(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
