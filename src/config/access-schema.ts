import { z } from "zod";
import { MOST_PRIORITY, tenantLimits } from "./tenant-limits.ts";

/** Those that take a public key: with a shared secret, whoever can check a token can make one. */
const JWT_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

const name = z.string().min(1).max(128);

/** One key; `read-access.ts` says which settings suit which role. */
const keySchema = z.strictObject({
  hash: z
    .string()
    .regex(
      /^sha256:[0-9a-f]{64}$/,
      "expected sha256: and 64 digits, as `plimsoll key` makes them; never the key itself",
    ),
  role: z.enum(["client", "operator", "engine"]).optional(),
  tenant: name.optional(),
  models: z.array(name).min(1).optional(),
  limits: tenantLimits.partial().optional(),
  priority: z.int().min(-MOST_PRIORITY).max(MOST_PRIORITY).optional(),
  expires: z
    .string()
    .regex(
      /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?$/,
      "expected a day, 2027-01-31, or a time, 2027-01-31T18:00Z",
    )
    .optional(),
  pools: z.array(name).min(1).optional(),
  ranks: z
    .string()
    .regex(/^\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?)*$/, "expected ranks, e.g. 0-7 or 0-3,12")
    .optional(),
});

/** What a file of keys holds. */
export const keysSchema = z.record(name, keySchema);

const oneOrMore = z.union([name, z.array(name).min(1)]);

export const accessSchema = z.strictObject({
  keys: keysSchema,
  keysFile: z.string().min(1).nullable(),
  anonymous: z.boolean(),
  watchFilesMs: z.int().nonnegative(),
  jwt: z.strictObject({
    issuer: z.string().min(1).nullable(),
    audience: oneOrMore.nullable(),
    jwksUrl: z
      .string()
      .regex(/^https?:\/\/[^/?#\s@]+[^#\s@]*$/, "expected a URL without user, e.g. https://sso.example/keys")
      .nullable(),
    caFile: z.string().min(1).nullable(),
    algorithms: z.array(z.enum(JWT_ALGORITHMS)).min(1),
    tenantClaim: name,
    modelsClaim: name.nullable(),
    rolesClaim: name,
    clientRoles: z.array(name),
    operatorRoles: z.array(name),
    clockToleranceSeconds: z.int().min(0).max(300),
  }),
});
