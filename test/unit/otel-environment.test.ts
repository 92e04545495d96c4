import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import type { TelemetryConfig } from "../../src/config/telemetry-config.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const POOL = "pools: [{ name: chat, kind: openai, models: [m], urls: [http://10.0.0.1:8000] }]";

async function load(environment: Record<string, string>, settings = "") {
  const path = await folder.write("gateway.yaml", `${settings}\n${POOL}`);
  const { telemetry, notes } = await loadConfig(path, environment);
  return { telemetry, notes };
}

async function telemetryOf(environment: Record<string, string>, settings = ""): Promise<TelemetryConfig> {
  const { telemetry, notes } = await load(environment, settings);
  expect(notes).toEqual([]);
  return telemetry;
}

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

describe("where spans go", () => {
  test("nowhere, unless something says where", async () => {
    const { traces, metrics } = await telemetryOf({
      OTEL_SERVICE_NAME: "gateway",
      OTEL_TRACES_SAMPLER: "always_on",
    });
    expect([traces, metrics]).toEqual([null, null]);
  });

  test.each([
    [ENDPOINT, "", "http://collector:4318/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://host/base/" }, "", "https://host/base/v1/traces"],
    // That of the signal is taken as it is.
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://other/in" }, "", "http://other/in"],
    [{}, "telemetry: { endpoint: http://file:4318 }", "http://file:4318/v1/traces"],
    [ENDPOINT, "telemetry: { endpoint: http://file:4318 }", "http://collector:4318/v1/traces"],
    [{ ...ENDPOINT, PLIMSOLL_TELEMETRY_ENDPOINT: "http://own" }, "", "http://own/v1/traces"],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "otlp" }, "", "http://collector:4318/v1/traces"],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }, "", null],
    [{ ...ENDPOINT, OTEL_SDK_DISABLED: "true" }, "", null],
    [{ OTEL_SDK_DISABLED: "True" }, "telemetry: { endpoint: http://file:4318 }", null],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: "always_off" }, "", null],
  ])("%j and %j: %s", async (environment, settings, url) => {
    const { traces } = await telemetryOf(environment, settings);
    expect(traces?.url ?? null).toBe(url);
  });

  test("with headers, time, packing and encoding as the variables say, those of the signal before those of all", async () => {
    const { traces } = await telemetryOf({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%3Db, x-scope=all",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-scope=traces",
      OTEL_EXPORTER_OTLP_TIMEOUT: "2000",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    });
    expect(traces).toMatchObject({
      headers: { "api-key": "a=b", "x-scope": "traces" },
      timeoutMs: 2000,
      gzip: true,
      encoding: "json",
      tls: null,
    });
  });

  test("an address that is none, and a file that is not there, are said without their value", async () => {
    await expect(load({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" })).rejects.toThrow(
      "OTEL_EXPORTER_OTLP_ENDPOINT: is no URL; expected e.g. http://127.0.0.1:4318",
    );
    await expect(load({ ...ENDPOINT, OTEL_EXPORTER_OTLP_CERTIFICATE: "/none.pem" })).rejects.toThrow(
      /^OTEL_EXPORTER_OTLP_CERTIFICATE: names \/none.pem, which cannot be read/,
    );
    await expect(load({}, "telemetry: { endpoint: http://user:secret@host }")).rejects.toThrow(
      /telemetry.endpoint .*expected a URL/,
    );
  });
});

describe("which requests", () => {
  test.each([
    [{}, "", { ratio: 1, byParent: true }],
    [{}, "telemetry: { sample: 0.01 }", { ratio: 0.01, byParent: true }],
    [{ OTEL_TRACES_SAMPLER: "always_on" }, "", { ratio: 1, byParent: false }],
    [{ OTEL_TRACES_SAMPLER: "parentbased_always_on" }, "", { ratio: 1, byParent: true }],
    [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, "", { ratio: 0, byParent: true }],
    [
      { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" },
      "telemetry: { sample: 0.01 }",
      { ratio: 0.25, byParent: false },
    ],
    [
      { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" },
      "",
      { ratio: 0.5, byParent: true },
    ],
    [
      { OTEL_TRACES_SAMPLER: "always_on", PLIMSOLL_TELEMETRY_SAMPLE: "0.1" },
      "",
      { ratio: 0.1, byParent: true },
    ],
  ])("%j and %j", async (environment, settings, sampling) => {
    expect((await telemetryOf(environment, settings)).sampling).toEqual(sampling);
  });
});

test("the service, its attributes, the conventions and the propagators are as the variables say", async () => {
  const plain = await telemetryOf({});
  expect(plain).toMatchObject({ serviceName: "plimsoll", resource: {}, genAi: false, propagates: true });
  const said = await telemetryOf({
    OTEL_SERVICE_NAME: "gateway",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=a%20b",
    OTEL_SEMCONV_STABILITY_OPT_IN: "http, gen_ai_latest_experimental",
    OTEL_PROPAGATORS: "none",
  });
  expect(said).toMatchObject({
    serviceName: "gateway",
    resource: { "deployment.environment.name": "a b" },
    genAi: true,
    propagates: false,
  });
  const named = await telemetryOf({ OTEL_RESOURCE_ATTRIBUTES: "service.name=other" });
  expect(named.serviceName).toBe("other");
});

test.each([
  [{ OTEL_TRACES_SAMPLER: "jaeger_remote" }, "OTEL_TRACES_SAMPLER: expected always_on"],
  [
    { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "7" },
    "OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1",
  ],
  [{ OTEL_TRACES_EXPORTER: "zipkin" }, "OTEL_TRACES_EXPORTER: names what Plimsoll does not have"],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    "OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or http/json",
  ],
  [{ OTEL_EXPORTER_OTLP_COMPRESSION: "zstd" }, "OTEL_EXPORTER_OTLP_COMPRESSION: expected gzip or none"],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: "soon" }, "OTEL_EXPORTER_OTLP_TIMEOUT: expected a whole number"],
  [{ OTEL_EXPORTER_OTLP_HEADERS: "key" }, "OTEL_EXPORTER_OTLP_HEADERS: has a part that cannot be used"],
  [{ OTEL_EXPORTER_OTLP_HEADERS: "key=a%0d%0ab" }, "OTEL_EXPORTER_OTLP_HEADERS: has a part"],
  [{ OTEL_RESOURCE_ATTRIBUTES: "a=%ff" }, "OTEL_RESOURCE_ATTRIBUTES: has a part that cannot be used"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317" }, "telemetry.endpoint: names port 4317"],
  [{ OTEL_PROPAGATORS: "b3" }, "OTEL_PROPAGATORS: expected tracecontext, baggage or none"],
])("%j is said in one line, and the gateway starts", async (environment, line) => {
  const { notes } = await load({
    ...ENDPOINT,
    OTEL_SEMCONV_STABILITY_OPT_IN: "gen_ai_latest_experimental",
    ...environment,
  });
  expect(notes).toEqual([expect.stringContaining(line)]);
});
