import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type RequestTokens, promptRows } from "./request-tokens.ts";

/** Tokens that prompts must have in common to begin alike. */
const ALIKE_TOKENS = 16;

/**
 * What tells prompts that begin alike in a trace without text: tokens of the same beginning are routed to the same
 * experts, whatever follows them. `[requests]`
 */
export function firstTokens({ layers, topk, experts }: RoutingTrace, requests: RequestTokens): string[] {
  const width = layers * topk;
  return Array.from({ length: requests.count }, (_, request) => {
    const rows = promptRows(requests, request).subarray(0, ALIKE_TOKENS);
    return Array.from(rows, (row) => experts.subarray(row * width, (row + 1) * width).join()).join(";");
  });
}
