import type { Config, DisaggregatedPoolConfig, ServerPoolConfig, ServersConfig } from "./config/config.ts";
import { openAiEngine } from "./engines/openai/openai-engine.ts";
import { type SglangEngineOptions, sglangEngine } from "./engines/sglang/sglang-engine.ts";
import { trtllmEngine } from "./engines/trtllm/trtllm-engine.ts";
import { vllmEngine } from "./engines/vllm/vllm-engine.ts";
import type { Engine } from "./serving/engine.ts";

const ENGINES: Record<ServerPoolConfig["kind"], (options: SglangEngineOptions) => Engine> = {
  openai: openAiEngine,
  vllm: vllmEngine,
  sglang: sglangEngine,
  trtllm: trtllmEngine,
};

/** The servers of a pool that do whole requests. @param before the engine whose place it is to take */
export function openEngine(
  { kind, name, servers, apiKey, experts, routedExperts: part }: ServerPoolConfig,
  timeouts: Config["upstream"],
  before: Engine | null = null,
): Engine {
  const routedExperts = experts === null || part === 0 ? null : { model: experts.model, part };
  return ENGINES[kind]({ pool: name, ...servers, apiKey, timeouts, routedExperts, before });
}

/** The servers of a pool that prefill, and those that decode. @param before the engines whose place these are to take */
export function openPair(
  { engine, name, prefill, decode, apiKey }: DisaggregatedPoolConfig,
  timeouts: Config["upstream"],
  before: readonly Engine[] = [],
): { readonly prefill: Engine; readonly decode: Engine } {
  const open = (role: string, servers: ServersConfig) => {
    const pool = `${name}.${role}`;
    const old = before.find((one) => one.pool === pool) ?? null;
    return ENGINES[engine]({ pool, ...servers, apiKey, timeouts, before: old });
  };
  return { prefill: open("prefill", prefill), decode: open("decode", decode) };
}
