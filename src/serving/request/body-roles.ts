export const RANK = "routed_dp_rank";
export const OLDER_RANK = "data_parallel_rank";

/** What a field of the body is to the gateway. */
export type Role =
  | "model"
  | "limit"
  | "sampling"
  | "session"
  | "response"
  | "experts"
  | "id"
  | "prompt"
  | "tools"
  | "removed";
const roles = new Map<string, Role>();
function give(role: Role, ...names: readonly string[]): void {
  for (const name of names) roles.set(name, role);
}
give("model", "model");
give("limit", "max_tokens", "max_completion_tokens", "max_output_tokens");
give("sampling", "sampling_params");
give("session", "user", "prompt_cache_key");
give("response", "previous_response_id");
give("experts", "return_routed_experts");
give("id", "request_id");
give(
  "prompt",
  "messages",
  "prompt",
  "input",
  "text",
  "input_ids",
  "query",
  "text_1",
  "system",
  "instructions",
);
give("tools", "tools");
// What gateways and engines send each other in bodies: of pairs of prefill and decode (SGLang's bootstrap, vLLM's KV
// transfer, TensorRT-LLM's disaggregation) and of ranks. A client's would reach into requests of others.
give(
  "removed",
  "bootstrap_host",
  "bootstrap_port",
  "bootstrap_room",
  "bootstrap_pair_key",
  "kv_transfer_params",
  "disaggregated_params",
);
give("removed", RANK, OLDER_RANK, "disagg_prefill_dp_rank", "data_parallel_rank_decode", "decode_dp_rank");

/** By the field's name. */
export const ROLES: ReadonlyMap<string, Role> = roles;
