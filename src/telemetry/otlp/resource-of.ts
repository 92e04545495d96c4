import { hostname } from "node:os";
import { type Resource, defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import type { TelemetryConfig } from "../../config/telemetry-config.ts";

/** Which process sends. */
export interface Service {
  readonly version: string;
  /** This process's name among all. */
  readonly instance: string;
}

/** What all that a process sends has in common; what the configuration says of it wins. */
export function resourceOf(
  { serviceName, resource }: Pick<TelemetryConfig, "serviceName" | "resource">,
  { version, instance }: Service,
): Resource {
  const own = {
    "service.version": version,
    "service.instance.id": instance,
    "host.name": hostname(),
    "process.pid": process.pid,
  };
  return defaultResource().merge(
    resourceFromAttributes({ ...own, ...resource, "service.name": serviceName }),
  );
}
