import { z } from "zod";
import { ROUTING_POLICIES } from "../model/routing-policy.ts";
import { accessSchema } from "./access-schema.ts";
import { captureSchema } from "./capture-config.ts";
import { modelSchema } from "./model-schema.ts";
import { pickerSchema } from "./picker-config.ts";
import { MOST_PRIORITY, tenantLimits } from "./tenant-limits.ts";
import { listenerTlsSchema, tlsSchema } from "./tls-schema.ts";

const milliseconds = z.int().nonnegative();
const positiveMilliseconds = z.int().positive();
const count = z.int().positive();
/** 0 for no limit. */
const limit = z.int().nonnegative();
const rate = z.number().nonnegative();
const part = z.number().min(0).max(1);
const positivePart = z.number().positive().max(1);
const percent = z.number().min(0).max(100);
const header = z
  .string()
  .regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, "expected a header's name in small letters, or null")
  .nullable();

const origin = z
  .string()
  .regex(/^(?:\*|[a-z][a-z0-9+.-]*:\/\/[^/\s]+)$/, "expected an origin, e.g. https://app.example, or *");

/** For settings that name the variable of a key. */
export const KEY_ENV_EXPECTED =
  "expected the name of an environment variable that holds the key, never the key itself";

/** What one tenant may have, and how important its requests are. */
const tenant = tenantLimits.extend({ priority: z.int().min(-MOST_PRIORITY).max(MOST_PRIORITY) });

const port = z.int().min(0).max(65_535);

/** Every section but `pools`; config/default.yaml says what each setting means. */
export const settingsSchema = z.strictObject({
  workers: z.int().min(1).max(256),
  http: z.strictObject({
    host: z.string().min(1),
    port,
    tls: listenerTlsSchema,
    admin: z.strictObject({ host: z.string().min(1), port: port.nullable(), tls: listenerTlsSchema }),
    bodyLimitBytes: count,
    bodyMemoryBytes: count,
    maxHeaderBytes: count,
    maxConnections: count,
    headersTimeoutMs: positiveMilliseconds,
    bodyTimeoutMs: positiveMilliseconds,
    keepAliveMs: positiveMilliseconds,
    clientStallMs: positiveMilliseconds,
    graceMs: milliseconds,
    streamKeepAliveMs: milliseconds,
    corsOrigins: z.union([origin, z.array(origin).min(1)]).nullable(),
    showServers: z.boolean().nullable(),
    operatorKeyEnv: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, KEY_ENV_EXPECTED)
      .nullable(),
    logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]),
  }),
  access: accessSchema,
  picker: pickerSchema,
  tenancy: z.strictObject({ header, sessionHeader: header, priorityHeader: header }),
  admission: z.strictObject({
    total: tenantLimits,
    tenant,
    tenants: z.record(z.string().min(1), tenant.partial()),
    queue: z.strictObject({ maxWaiting: limit, maxWaitMs: positiveMilliseconds }),
    retryAfterSeconds: count,
  }),
  routing: z.strictObject({
    policy: z.enum(ROUTING_POLICIES),
    prefixIndexBytes: z.int().min(65_536),
    expertSketchBytes: z.int().min(1_048_576),
  }),
  retry: z.strictObject({
    maxAttempts: z.int().min(1).max(16),
    ratio: part,
    minPerSecond: rate,
    windowMs: positiveMilliseconds,
    baseMs: milliseconds,
    maxMs: milliseconds,
  }),
  hedge: z.strictObject({ afterMs: milliseconds }),
  health: z.strictObject({
    probe: z.strictObject({
      intervalMs: positiveMilliseconds,
      timeoutMs: positiveMilliseconds,
      lateMs: positiveMilliseconds,
      hungMs: positiveMilliseconds,
      unhealthyAfter: count,
      healthyAfter: count,
    }),
    windowMs: positiveMilliseconds,
    circuit: z.strictObject({
      consecutiveFailures: count,
      failureRatio: positivePart,
      minRequests: count,
      openMs: positiveMilliseconds,
      maxOpenMs: positiveMilliseconds,
    }),
    outlier: z.strictObject({
      minRequests: count,
      failureMargin: part,
      firstByteFactor: rate,
      firstByteLeastMs: milliseconds,
      ejectMs: positiveMilliseconds,
      maxEjectMs: positiveMilliseconds,
      maxEjectedPercent: percent,
    }),
    slowStart: z.strictObject({ durationMs: milliseconds, floor: positivePart }),
    panicPercent: percent,
  }),
  upstream: z.strictObject({
    connectTimeoutMs: positiveMilliseconds,
    firstTokenTimeoutMs: positiveMilliseconds,
    idleTimeoutMs: positiveMilliseconds,
    connections: limit,
    resolveMs: milliseconds,
    tls: tlsSchema,
  }),
  control: z.strictObject({
    sharesMs: positiveMilliseconds,
    placementMs: positiveMilliseconds,
    prepareTimeoutMs: positiveMilliseconds,
    stagingBytes: count.nullable(),
    rankSilenceMs: milliseconds,
    loadLine: z.number().min(1),
  }),
  store: z.strictObject({
    url: z.string().min(1),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._:-]+$/, "expected letters, digits, dots, colons, dashes and underscores"),
    leaseMs: z.int().min(100),
  }),
  models: z.record(z.string().min(1), modelSchema),
  capture: captureSchema,
  telemetry: z.strictObject({
    endpoint: z
      .string()
      .regex(/^https?:\/\/[^/?#\s@]+[^?#\s@]*$/, "expected a URL, e.g. http://127.0.0.1:4318, or null")
      .nullable(),
    sample: part,
    genAi: z.boolean(),
    names: z.boolean(),
  }),
});
