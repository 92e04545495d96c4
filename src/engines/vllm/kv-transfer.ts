import type { InTurnPairing } from "../../serving/pairing.ts";
import { withFields } from "../http/json-fields.ts";

/** What tells a vLLM server that another will decode: it keeps the cache until that one has fetched it. */
const TO_BE_DECODED_ELSEWHERE = {
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
};

/** As chats and completions, chats, and responses name it; each passes over the others' names. */
const ONE_TOKEN = { max_tokens: 1, max_completion_tokens: 1, max_output_tokens: 1 };

/**
 * vLLM's KV connectors that hand over by request (NIXL and its like): `kv_transfer_params` in the prefill's answer
 * goes into the decode's request as it is.
 */
export const kvTransfer: InTurnPairing = {
  kind: "in-turn",
  prefillBody(body) {
    const fields = JSON.parse(asText(body)) as Record<string, unknown>;
    // Both are refused beside what is set below.
    delete fields["stream_options"];
    delete fields["min_tokens"];
    const once = { ...ONE_TOKEN, stream: false, kv_transfer_params: TO_BE_DECODED_ELSEWHERE };
    return Buffer.from(JSON.stringify({ ...fields, ...once }));
  },
  decodeBody(body, prefillAnswer) {
    let answer: unknown;
    try {
      answer = JSON.parse(asText(prefillAnswer));
    } catch {
      return null;
    }
    if (typeof answer !== "object" || answer === null || !("kv_transfer_params" in answer)) return null;
    const { kv_transfer_params: parameters } = answer;
    if (typeof parameters !== "object" || parameters === null) return null;
    return withFields(body, `"kv_transfer_params":${JSON.stringify(parameters)}`);
  },
};

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
