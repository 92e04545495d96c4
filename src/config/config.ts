import { z } from "zod";
import type { MoeModel } from "../model/moe-model.ts";
import type { Topology } from "../model/topology.ts";

const milliseconds = z.int().nonnegative();
const positiveMilliseconds = z.int().positive();
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dots, dashes and underscores");

const expertGroup = z.strictObject({ model: z.string().min(1), topology: z.string().min(1) });

const simulatedPool = expertGroup.extend({ name, kind: z.literal("simulated"), seed: z.int().nonnegative() });

const openaiPool = z.strictObject({
  name,
  kind: z.literal("openai"),
  models: z.array(z.string().min(1)).min(1),
  urls: z.array(z.url({ protocol: /^https?$/, error: "expected a URL like http://10.0.0.1:8000" })).min(1),
  experts: expertGroup.optional(),
});

/** What a configuration looks like once the file and the environment are laid over config/default.yaml. */
export const configSchema = z.strictObject({
  http: z.strictObject({
    host: z.string().min(1),
    port: z.int().min(0).max(65_535),
    bodyLimitBytes: z.int().positive(),
    graceMs: milliseconds,
    logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]),
  }),
  admission: z.strictObject({
    maxInFlight: z.int().positive(),
    retryAfterSeconds: z.int().positive(),
  }),
  upstream: z.strictObject({
    connectTimeoutMs: positiveMilliseconds,
    headTimeoutMs: positiveMilliseconds,
    idleTimeoutMs: positiveMilliseconds,
  }),
  control: z.strictObject({
    sharesMs: positiveMilliseconds,
    placementMs: positiveMilliseconds,
    prepareTimeoutMs: positiveMilliseconds,
  }),
  pools: z.array(z.discriminatedUnion("kind", [simulatedPool, openaiPool])).min(1),
});

type Written = z.output<typeof configSchema>;

/** The configuration of a gateway, with the shapes its pools name. */
export interface Config extends Omit<Written, "pools"> {
  readonly pools: readonly PoolConfig[];
}

/** An expert-parallel group: a model's experts over the GPUs of a topology. */
export interface ExpertGroup {
  readonly model: MoeModel;
  readonly topology: Topology;
}

export interface SimulatedPoolConfig {
  readonly kind: "simulated";
  readonly name: string;
  /** The names clients ask for: the model's. */
  readonly models: readonly string[];
  readonly experts: ExpertGroup;
  readonly seed: number;
}

export interface OpenAiPoolConfig {
  readonly kind: "openai";
  readonly name: string;
  readonly models: readonly string[];
  readonly urls: readonly string[];
  /** Where the engines report expert loads; null where they do not. */
  readonly experts: ExpertGroup | null;
}

export type PoolConfig = SimulatedPoolConfig | OpenAiPoolConfig;
