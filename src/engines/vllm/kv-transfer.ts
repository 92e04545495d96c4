import { JsonScanner, isSpace } from "../../lib/json-scanner.ts";
import type { InTurnPairing } from "../../serving/pairing.ts";
import { type JsonField, fieldsOf, lastOf, objectOf, valueOf } from "../../lib/json-fields.ts";

/** Has a vLLM server prefill for a remote decode: it keeps the cache until the other server has fetched it. */
const REMOTE_DECODE = {
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
};

/** As chats and completions, chats, and responses name it; each ignores the others' names. */
const ONE_TOKEN = { max_tokens: 1, max_completion_tokens: 1, max_output_tokens: 1 };

/**
 * The one token always comes, and always for its number: an end of text would end the prefill as `stop`, for which
 * connectors of older versions keep no cache.
 */
const WHOLE = { stream: false, ignore_eos: true, store: false };

/**
 * What only a whole answer can satisfy, or is of no use for one token that nobody sees. None of it is written into the
 * prompt (but see `PROMPTED`), which must be the same on both servers, token by token.
 */
const FOR_THE_DECODE = new Set([
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "min_tokens",
  "ignore_eos",
  "stop",
  "stop_sequences",
  "stop_token_ids",
  "include_stop_str_in_output",
  "n",
  "best_of",
  "logprobs",
  "top_logprobs",
  "include",
  "response_format",
  "structured_outputs",
  "guided_json",
  "guided_regex",
  "guided_choice",
  "guided_grammar",
  "structural_tag",
  "tool_choice",
  "store",
  "kv_transfer_params",
]);

/**
 * The prompts of these models contain the choice of tools and the form of the answer (vLLM 0.32,
 * `renderers/kimi_k3.py`; OpenAI's Harmony), so both servers get them. vLLM serves them in versions that take a tool
 * call for cut off.
 */
const PROMPTED = /kimi[-_]?k3|gpt-?oss/i;
const PROMPT_FIELDS = new Set(["tool_choice", "response_format"]);

/** The choices under which vLLM reads no tool call out of the one token. */
const UNREAD_CHOICES = new Set(['"auto"', '"none"', "null"]);

/**
 * vLLM's KV connectors that hand over by request (NIXL and its like): `kv_transfer_params` in the prefill's answer
 * goes into the decode's request as it is.
 *
 * The prefill is the same request for one token, not streamed, without what is for the decode. The decode prefills by
 * itself what one cache does not serve: several prompts or answers, since their first reader frees the cache; the
 * probabilities of the prompt's tokens (`echo`, `prompt_logprobs`), for which it must compute them; a response that
 * continues another, which only the server that gave it has, that uses the server's own tools, or that is made in the
 * background. (vLLM 0.32, `entrypoints/openai`, `kv_connector/v1/nixl`.) Servers started with
 * `--exclude-tools-when-tool-choice-none` would write another prompt for a prefill whose tool call was left out: they
 * are not to prefill for others.
 */
export const kvTransfer: InTurnPairing = {
  kind: "in-turn",
  prefillBody(path, body, places) {
    const fields = fieldsOf(body, places);
    for (const field of lastOf(fields)) if (!servedByOneCache(path, field, body)) return null;
    const model = fields.findLast(({ name }) => name === "model");
    const prompted = model !== undefined && PROMPTED.test(valueOf(body, model, LONGEST_SCALAR_BYTES));
    const kept = fields.filter(
      ({ name }) => !FOR_THE_DECODE.has(name) || (prompted && PROMPT_FIELDS.has(name)),
    );
    return objectOf(body, kept, (prompted ? "" : withoutToolCall(path, fields, body)) + PREFILL);
  },
  decodeFields(prefillAnswer) {
    const answer = fieldsOf(prefillAnswer).findLast(({ name }) => name === "kv_transfer_params");
    if (answer === undefined) return null;
    const parameters = valueOf(prefillAnswer, answer);
    return parameters.startsWith("{") ? `"kv_transfer_params":${parameters}` : null;
  },
};

const PREFILL = JSON.stringify({
  ...ONE_TOKEN,
  ...WHOLE,
  kv_transfer_params: REMOTE_DECODE,
}).slice(1, -1);

function servedByOneCache(path: string, field: JsonField, body: Uint8Array): boolean {
  switch (field.name) {
    case "n":
    case "best_of":
      return isShort(field) && Number(scalar(body, field)) <= 1;
    case "prompt":
      return !hasSeveral(field, body);
    case "echo":
    case "background":
    case "use_beam_search":
      return scalar(body, field) !== "true";
    case "tools":
      return !path.startsWith("/v1/responses") || onlyFunctions(valueOf(body, field, MOST_TOOLS_BYTES));
    case "prompt_logprobs":
    case "previous_response_id":
      return scalar(body, field) === "null";
    default:
      return true;
  }
}

/** A number, a word or a short text. */
const LONGEST_SCALAR_BYTES = 1024;
/** Longer lists of tools are not read. */
const MOST_TOOLS_BYTES = 1 << 20;
/** Of a list of prompts the first one is passed over if it is no longer: some million tokens. */
const MOST_PROMPT_BYTES = 4 << 20;

function isShort({ valueStart, end }: JsonField): boolean {
  return end - valueStart <= LONGEST_SCALAR_BYTES;
}

/** @returns empty for a value that is none */
function scalar(body: Uint8Array, field: JsonField): string {
  return valueOf(body, field, LONGEST_SCALAR_BYTES);
}

/** A list of texts, or of lists of tokens, is several prompts if it has more than one; a list of tokens is one. */
function hasSeveral({ valueStart, end }: JsonField, body: Uint8Array): boolean {
  if (body[valueStart] !== OPEN_BRACKET) return false;
  const last = Math.min(end, valueStart + MOST_PROMPT_BYTES);
  const first = pastSpace(body, valueStart + 1, last);
  if (first < last && body[first] !== QUOTE && body[first] !== OPEN_BRACKET) return false;
  const scanner = new JsonScanner();
  const next = pastSpace(body, scanner.take(body, first, last), last);
  return next !== end - 1;
}

function pastSpace(body: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isSpace(body[at])) at++;
  return at;
}

const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;

/** Servers run the tools of their own in a loop of requests, of which only the first could use the cache. */
function onlyFunctions(tools: string): boolean {
  if (tools === "") return false;
  try {
    const list = JSON.parse(tools) as unknown;
    return !Array.isArray(list) || list.every((tool: { type?: unknown } | null) => tool?.type === "function");
  } catch {
    return true;
  }
}

/** A choice of tools under which no tool call is read out of the one token, in the words of the route. */
function withoutToolCall(path: string, fields: readonly JsonField[], body: Uint8Array): string {
  const field = fields.findLast(({ name }) => name === "tool_choice");
  if (field === undefined) return "";
  const choice = scalar(body, field);
  const none = path.startsWith("/v1/messages") ? '{"type":"none"}' : '"none"';
  return `"tool_choice":${UNREAD_CHOICES.has(choice) ? choice : none},`;
}
