import { z } from "zod";
import { configSchema } from "./config.ts";

/** Whether a setting is a number, also where it may be null. @param path e.g. `["picker", "port"]` */
export function takesNumber(path: readonly string[]): boolean {
  let at: unknown = configSchema;
  for (const name of path)
    at = at instanceof z.ZodObject ? (at.shape as Record<string, unknown>)[name] : null;
  return (at instanceof z.ZodNullable ? at.unwrap() : at) instanceof z.ZodNumber;
}
