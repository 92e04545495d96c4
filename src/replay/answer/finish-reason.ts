import { object } from "./json-object.ts";

/** SGLang has had finish reasons as objects with a `type`; DashScope writes "null" until there is one. */
export function finishOf(reason: unknown): string | null {
  if (typeof reason === "string") return reason === "" || reason === "null" ? null : reason;
  const type = object(reason)?.type;
  return typeof type === "string" ? type : null;
}

/** What such an object says of an answer that was given up. */
export function finishText(reason: unknown): string | undefined {
  const message = object(reason)?.message;
  return typeof message === "string" && failedFinish(finishOf(reason)) !== null ? message : undefined;
}

/**
 * Finish reasons of answers that were given up: `abort` (vLLM, SGLang), `error` (vLLM), `cancelled`, `timeout` and
 * `not_finished` (TensorRT-LLM), `insufficient_system_resource` (DeepSeek), `network_error` (Zhipu) and the like.
 */
const GIVEN_UP =
  /abort|cancel|error|exception|fail|time_?d?_?out|^insufficient_system_resource$|^not_finished$/;

/** A failure's name where a finish reason is none of success. */
export function failedFinish(reason: string | null): string | null {
  const name = reason?.toLowerCase() ?? "";
  return GIVEN_UP.test(name) ? `finish_${name}` : null;
}
