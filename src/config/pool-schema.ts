import { z } from "zod";
import { CONSUMER_DISPATCHES } from "../model/consumer-dispatch.ts";
import { SERVING_PRECISIONS } from "../model/serving-precision.ts";
import { ROUTING_POLICIES } from "../model/routing-policy.ts";
import { discoverSchema } from "./discover-schema.ts";
import { KEY_ENV_EXPECTED } from "./settings-schema.ts";
import { tlsSchema } from "./tls-schema.ts";

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dots, dashes and underscores");

const policy = z.enum(ROUTING_POLICIES);

const expertGroup = z.strictObject({ model: z.string().min(1), topology: z.string().min(1) });

const dispatch = z.enum(CONSUMER_DISPATCHES);

const everyPool = { name, policy: policy.optional(), maxRequestsPerShard: z.int().nonnegative().optional() };

const simulatedPool = z.strictObject({
  ...everyPool,
  ...expertGroup.shape,
  kind: z.literal("simulated"),
  seed: z.int().nonnegative(),
  gpu: z.string().min(1).optional(),
  precision: z.enum(SERVING_PRECISIONS).optional(),
});

const urls = z
  .array(z.url({ protocol: /^https?$/, error: "expected a URL like http://10.0.0.1:8000" }))
  .min(1);

/** Servers that are named, that are found, or both. */
const places = { urls: urls.optional(), discover: discoverSchema.optional() };

const served = {
  ...everyPool,
  models: z.array(z.string().min(1)).min(1),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, KEY_ENV_EXPECTED)
    .optional(),
  tls: tlsSchema.partial().optional(),
  experts: expertGroup
    .extend({
      dispatch: dispatch.optional(),
      routedExperts: z.number().min(0).max(1).optional(),
      recorder: z
        .strictObject({ directory: z.string().min(1), intervalMs: z.int().min(1000).optional() })
        .optional(),
    })
    .optional(),
};

/** Ranks can be asked for one by one. */
const ranks = { dataParallelSize: z.int().min(1).max(4096).optional() };
const vllmRanks = { ...ranks, rankOffsets: z.array(z.int().nonnegative()).optional() };

const vllmServers = z.strictObject({ ...places, ...vllmRanks });
const sglangServers = z.strictObject({ ...places, ...ranks });
const sglangPrefill = sglangServers.extend({
  bootstrapPorts: z.array(z.int().min(1).max(65_535)).optional(),
});
const pairPolicies = { prefillPolicy: policy.optional(), decodePolicy: policy.optional() };

/** A pool as it is written. That a pool has servers, or those of `prefill` and `decode`, is checked where it is read. */
export const poolSchema = z.discriminatedUnion("kind", [
  simulatedPool,
  z.strictObject({ ...served, kind: z.literal("openai"), ...places }),
  z.strictObject({ ...served, kind: z.literal("trtllm"), ...places }),
  z.strictObject({
    ...served,
    kind: z.literal("vllm"),
    ...places,
    ...vllmRanks,
    prefill: vllmServers.optional(),
    decode: vllmServers.optional(),
    ...pairPolicies,
  }),
  z.strictObject({
    ...served,
    kind: z.literal("sglang"),
    ...places,
    ...ranks,
    prefill: sglangPrefill.optional(),
    decode: sglangServers.optional(),
    ...pairPolicies,
  }),
]);

export type WrittenPool = z.output<typeof poolSchema>;
