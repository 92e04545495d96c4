import type { z } from "zod";
import type { TlsSettings } from "../model/server-access.ts";
import { OtelEnvironment, type Sampling } from "./otel-environment.ts";
import { NamedFiles } from "./named-files.ts";
import { readTls } from "./read-tls.ts";
import type { settingsSchema } from "./settings-schema.ts";

type Written = z.output<typeof settingsSchema>["telemetry"];

/** What is traced and measured for an OpenTelemetry collector, and where that is. */
export interface TelemetryConfig {
  /** Where spans go; null where no request is traced. */
  readonly traces: OtlpTarget | null;
  /** Where measures go; null for nowhere. */
  readonly metrics: OtlpTarget | null;
  readonly sampling: Sampling;
  /** Whether clients' trace contexts are read, and engines get the gateway's. */
  readonly propagates: boolean;
  /** Ended spans wait so long for others, and measures are sent so often. */
  readonly spansEveryMs: number;
  readonly metricsEveryMs: number;
  readonly serviceName: string;
  /** Attributes of all that is sent. */
  readonly resource: Readonly<Record<string, string>>;
  /** Whether spans have the attributes of the GenAI conventions. */
  readonly genAi: boolean;
  /** Whether spans name tenants and sessions. */
  readonly names: boolean;
}

/** Where one kind of signal is sent: OTLP over HTTP. */
export interface OtlpTarget {
  readonly url: string;
  /** May hold keys. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gzip: boolean;
  readonly encoding: "protobuf" | "json";
  /** Null for what the system trusts. */
  readonly tls: TlsSettings | null;
}

const SERVICE = "plimsoll";
const SPANS_EVERY_MS = 5000;
const METRICS_EVERY_MS = 60_000;
const GRPC_PORT = "4317";
const GRPC_NOTE =
  "telemetry.endpoint: names port 4317, where collectors expect gRPC; OTLP over HTTP has 4318 as a rule";

/**
 * The settings, and over them OpenTelemetry's own variables (`OTEL_…`); over both Plimsoll's.
 * @param given the variables that gave a setting, by its path, e.g. `telemetry.endpoint`
 * @param note receives a line about what is written and cannot be followed
 * @throws InputError
 */
export function readTelemetry(
  written: Written,
  given: ReadonlyMap<string, string>,
  environment: NodeJS.ProcessEnv,
  note: (line: string) => void,
): TelemetryConfig {
  const otel = new OtelEnvironment(environment, note);
  const own = (name: keyof Written) => given.has(`telemetry.${name}`);
  const target = (signal: "TRACES" | "METRICS"): OtlpTarget | null => {
    const path = `v1/${signal.toLowerCase()}`;
    const named = written.endpoint === null ? null : inFolder(written.endpoint, path);
    const url = own("endpoint") ? named : (otel.endpoint(signal, path) ?? named);
    if (url === null || !otel.exports(signal)) return null;
    if (signal === "TRACES" && new URL(url).port === GRPC_PORT) note(GRPC_NOTE);
    return { url, ...termsOf(otel, signal) };
  };
  const off = otel.disabled;
  const resource = off ? {} : otel.resource();
  const sampling = own("sample") ? null : otel.sampling();
  const genAi = written.genAi || (!own("genAi") && otel.optsInto("gen_ai_latest_experimental"));
  return {
    traces: off || sampling === "off" ? null : target("TRACES"),
    metrics: off || !genAi ? null : target("METRICS"),
    sampling: sampling === null || sampling === "off" ? { ratio: written.sample, byParent: true } : sampling,
    propagates: off || otel.propagates,
    spansEveryMs: otel.count("OTEL_BSP_SCHEDULE_DELAY") ?? SPANS_EVERY_MS,
    metricsEveryMs: otel.count("OTEL_METRIC_EXPORT_INTERVAL") ?? METRICS_EVERY_MS,
    serviceName: otel.text("OTEL_SERVICE_NAME") ?? resource["service.name"] ?? SERVICE,
    resource,
    genAi,
    names: written.names,
  };
}

function termsOf(otel: OtelEnvironment, signal: "TRACES" | "METRICS"): Omit<OtlpTarget, "url"> {
  const file = (name: string) => otel.ofSignal(signal, name);
  const [ca, cert, key] = [file("CERTIFICATE"), file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")];
  const places = { caFile: ca, certFile: cert ?? key, keyFile: key ?? cert };
  const tls = readTls(
    {
      caFile: ca?.value ?? null,
      certFile: cert?.value ?? null,
      keyFile: key?.value ?? null,
      serverName: null,
      insecureSkipVerify: false,
    },
    (setting) => {
      const place = setting in places ? places[setting as keyof typeof places] : null;
      return { sourceOf: () => place?.variable ?? "", field: [] };
    },
    new NamedFiles(() => "."),
  );
  return {
    headers: otel.headers(signal),
    timeoutMs: otel.timeoutMs(signal),
    gzip: otel.gzip(signal),
    encoding: otel.encoding(signal),
    tls,
  };
}

function inFolder(endpoint: string, path: string): string {
  return `${endpoint.replace(/\/+$/, "")}/${path}`;
}
