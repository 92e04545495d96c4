import { z } from "zod";

/** How https servers are believed, and what they believe. */
export const tlsSchema = z.strictObject({
  caFile: z.string().min(1).nullable(),
  certFile: z.string().min(1).nullable(),
  keyFile: z.string().min(1).nullable(),
  serverName: z.string().min(1).nullable(),
  insecureSkipVerify: z.boolean(),
});

/** What a listener shows to those who connect, and whose certificates it asks them for. */
export const listenerTlsSchema = z.strictObject({
  certFile: z.string().min(1).nullable(),
  keyFile: z.string().min(1).nullable(),
  clientCaFile: z.string().min(1).nullable(),
});
