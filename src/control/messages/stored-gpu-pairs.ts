import { type Shape, demand, number, readJson, record, text, whole, writeJson } from "../../lib/shape.ts";
import { thousandBytes, thousands } from "../../model/count-bytes.ts";
import type { GpuPairs } from "../../model/pool-exchange.ts";

/** What is kept under it: the last there is. */
export const GPU_PAIRS = "exchange";

/** Who sends to whom GPU by GPU, over some of a pool's last seconds. */
export interface DatedGpuPairs extends GpuPairs {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly gpus: number;
}

/** The matrices in thousands per second as float16, little-endian, in base64: 270 kB for 320 GPUs. */
type Stored = Omit<DatedGpuPairs, "selections" | "tokens"> & {
  readonly selections: string;
  readonly tokens: string;
};

const stored: Shape<Stored> = record<Stored>({
  atMs: number(),
  gpus: whole(),
  selections: text,
  tokens: text,
});

export function encodeGpuPairs({ selections, tokens, ...rest }: DatedGpuPairs): Uint8Array {
  return writeJson({ ...rest, selections: base64(selections), tokens: base64(tokens) });
}

/** @throws Unreadable */
export function decodeGpuPairs(bytes: Uint8Array): DatedGpuPairs {
  const { selections, tokens, ...rest } = readJson(bytes, stored);
  const cells = rest.gpus * rest.gpus;
  const [read, pairs] = [
    thousands(Buffer.from(selections, "base64")),
    thousands(Buffer.from(tokens, "base64")),
  ];
  demand(
    read.length === cells && (pairs.length === cells || pairs.length === 0),
    "a matrix is not of its GPUs",
  );
  return { ...rest, selections: read, tokens: pairs };
}

function base64(values: Float32Array): string {
  return Buffer.from(thousandBytes(values)).toString("base64");
}
