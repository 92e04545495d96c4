import { z } from "zod";

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
  /** Contents of PEM files; null to speak unencrypted. */
  readonly tls: PickerTls | null;
}

export interface PickerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Whose certificates proxies have to show; null for none. */
  readonly clientCa: Buffer | null;
}
