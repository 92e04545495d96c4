import { z } from "zod";

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[-A-Za-z0-9_]*[A-Za-z0-9])?(?:\.[A-Za-z0-9_](?:[-A-Za-z0-9_]*[A-Za-z0-9])?)*\.?$/;
const SELECTOR = /^[-\w./=!, ()]+$/;

/** What precedes `/v1` in every URL. */
const urlParts = {
  scheme: z.enum(["http", "https"]).default("http"),
  path: z
    .string()
    .regex(/^(?:\/[^?#\s]*)?$/, "expected a path like /base, without `?` or `#`")
    .default(""),
};

/** Where a pool's servers are found, as it is written: one of the three. */
export const discoverSchema = z.strictObject({
  dns: z
    .strictObject({
      srv: z.string().regex(DNS_NAME, "expected a name like _http._tcp.engines.default.svc.cluster.local"),
      ...urlParts,
    })
    .optional(),
  file: z.strictObject({ path: z.string().min(1) }).optional(),
  kubernetes: z
    .strictObject({
      namespace: z.string().regex(DNS_LABEL, "expected the name of a namespace").optional(),
      service: z.string().regex(DNS_LABEL, "expected the name of a Service").optional(),
      selector: z
        .string()
        .regex(SELECTOR, "expected a label selector like app=engines,stage!=canary")
        .optional(),
      port: z
        .union([z.int().min(1).max(65_535), z.string().regex(DNS_LABEL)], {
          error: "expected a port's name or number",
        })
        .optional(),
      ...urlParts,
      server: z.url({ protocol: /^https?$/, error: "expected a URL like https://10.0.0.1:6443" }).optional(),
      tokenFile: z.string().min(1).optional(),
      caFile: z.string().min(1).optional(),
    })
    .optional(),
});
