import { stringify } from "yaml";
import { packageFile } from "../files/package-files.ts";
import { configOf } from "./load-config.ts";
import type { SourceOf } from "./place.ts";

/** What servers a first configuration can be for. */
export const ENGINE_KINDS = ["vllm", "sglang", "trtllm", "openai"] as const;

/** What has to be known for a first configuration. */
export interface FirstConfig {
  readonly kind: (typeof ENGINE_KINDS)[number];
  readonly urls: readonly string[];
  /** The names clients ask for. */
  readonly models: readonly string[];
  /** Ranks of each server; 1 for servers that are one shard. */
  readonly dataParallelSize: number;
  /** Where the gateway listens. */
  readonly port: number;
}

const OPTIONS: Readonly<Record<string, string>> = {
  kind: "--engine",
  urls: "--url",
  models: "--model",
  dataParallelSize: "--data-parallel-size",
};

/** Kinds of engines whose ranks can be asked for one by one. */
const RANKED: ReadonlySet<string> = new Set(["vllm", "sglang"]);
const RANKS_NOTE =
  "    # dataParallelSize: 8 # where each server has so many data-parallel ranks: each is a shard then\n";

export function isEngineKind(text: string): text is FirstConfig["kind"] {
  return ENGINE_KINDS.some((kind) => kind === text);
}

/**
 * A configuration of one pool, as a file's text and as what is in it.
 * @throws InputError naming the option whose value no configuration can have
 */
export async function firstConfig({ kind, urls, models, dataParallelSize, port }: FirstConfig) {
  const ranks = dataParallelSize === 1 ? {} : { dataParallelSize };
  const config = { http: { port }, pools: [{ name: "chat", kind, models, urls, ...ranks }] };
  const sourceOf: SourceOf = (field) => OPTIONS[String(field[2])] ?? "init";
  await configOf({ value: config, sourceOf }, ".", {});
  const text = `# yaml-language-server: $schema=${packageFile("config/schema.json")}
# A first configuration, by \`plimsoll init\`. Every other setting has its default: ${packageFile("config/default.yaml")}
# The gateway listens on this machine alone. To let others in, write clients' keys (plimsoll key) in access.keys and
# set http.host to 0.0.0.0; and http.operatorKeyEnv to the name of a variable with a key: without it, /admin, /ep/v1 and
# /metrics answer this machine only.
${stringify(config)}${RANKED.has(kind) && dataParallelSize === 1 ? RANKS_NOTE : ""}`;
  return { text, config };
}
