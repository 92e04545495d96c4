import type { ServerAccess } from "../model/server-access.ts";

/** The role of servers in pools that prefill and decode apart; null for those that do whole requests. */
export type ServerRole = "prefill" | "decode" | null;

interface UrlParts {
  readonly scheme: "http" | "https";
  /** What precedes `/v1`; empty for most servers. */
  readonly path: string;
}

/** Targets of a name's SRV records (RFC 2782). */
export interface DnsDiscovery extends UrlParts {
  readonly kind: "dns";
  readonly srv: string;
}

/** A list in a file. */
export interface FileDiscovery {
  readonly kind: "file";
  readonly path: string;
  readonly role: ServerRole;
}

/** EndpointSlices of a Kubernetes namespace. */
export interface KubernetesDiscovery extends UrlParts {
  readonly kind: "kubernetes";
  /** Of the API server. */
  readonly server: string;
  /** Null for none. Read again and again: it is replaced before it expires. */
  readonly tokenFile: string | null;
  /** Of the API server's certificate; null for what the system trusts. */
  readonly caFile: string | null;
  readonly namespace: string;
  /** A label selector of EndpointSlices. */
  readonly selector: string;
  /** The port's name or number; null for the only one there is. */
  readonly port: string | number | null;
}

export type DiscoverySource = DnsDiscovery | FileDiscovery | KubernetesDiscovery;

/** Where servers are found that come and go. */
export interface DiscoverConfig {
  readonly source: DiscoverySource;
  /** How each is spoken to. */
  readonly access: ServerAccess;
  /** Where each prefill server waits for its decode server; null where it does not. */
  readonly bootstrapPort: number | null;
}
