import type { DiscoverySource } from "../config/discover-config.ts";
import { Rng } from "../lib/rng.ts";
import { DnsSource, type SrvLookup } from "./dns-source.ts";
import { FileSource } from "./file-source.ts";
import { KubernetesSource } from "./kubernetes/kubernetes-source.ts";
import type { ServerSource, SourceListener } from "./source.ts";

/** @param resolveMs how often names are looked up */
export function openSource(
  source: DiscoverySource,
  srv: SrvLookup,
  resolveMs: number,
  listener: SourceListener,
): ServerSource {
  switch (source.kind) {
    case "dns":
      return new DnsSource(source, srv, resolveMs, listener);
    case "file":
      return new FileSource(source, listener);
    case "kubernetes":
      return new KubernetesSource(source, new Rng(Date.now()), listener);
  }
}
