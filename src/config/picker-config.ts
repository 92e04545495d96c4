import { z } from "zod";
import type { ListenerTls } from "./read-tls.ts";

const file = z.string().min(1).nullable();

export const pickerSchema = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(0).max(65_535).nullable(),
  pools: z.array(z.string().min(1)).min(1).nullable(),
  endpoints: z.int().min(1).max(16),
  certFile: file,
  keyFile: file,
  clientCaFile: file,
});

/** The endpoint picker: where it listens, and for which pools it picks. */
export interface PickerConfig {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The names of pools whose servers a proxy can be sent to. */
  readonly pools: readonly string[];
  /** How many servers an answer names at most. */
  readonly endpoints: number;
  /** Null to speak unencrypted. */
  readonly tls: ListenerTls | null;
}
