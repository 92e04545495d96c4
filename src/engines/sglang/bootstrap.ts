import { type TogetherPairing, Unpairable } from "../../serving/pairing.ts";
import { type JsonField, fieldsOf, objectOf, valueOf } from "../../lib/json-fields.ts";

export interface PrefillServers {
  readonly urls: readonly string[];
  readonly dataParallelSize: number;
  /** `--disaggregation-bootstrap-port` of the server behind each URL. */
  readonly bootstrapPorts: readonly number[];
}

/** These are for the decode, which answers. A prefill that is not streamed reports its outcome with its status. */
const FOR_THE_DECODE = new Set(["stream", "stream_options"]);

/**
 * Pairs with SGLang's prefill servers: both get the whole request, with the address where the decode finds the prefill
 * and the bootstrap room in which they meet. The prefill answers, by one token, once the decode has the cache; a list
 * of prompts takes as many bootstrap rooms from that number on. Several answers to a prompt (`n`) would meet in one
 * bootstrap room, which SGLang does not support: they are refused. (SGLang 0.5.23, `managers/io_struct.py`,
 * `managers/tokenizer_manager.py`.)
 */
export function bootstrap({ urls, dataParallelSize, bootstrapPorts }: PrefillServers): TogetherPairing {
  const hosts = urls.map((url) => JSON.stringify(new URL(url).hostname));
  return {
    kind: "together",
    bodies(body, prefillRank, drawnRoom) {
      const fields = fieldsOf(body);
      for (const field of fields) refuseSeveral(field, body);
      const server = Math.floor(prefillRank / dataParallelSize);
      const rank = prefillRank % dataParallelSize;
      // Prefills that take their rank from the bootstrap room take it modulo the ranks.
      const bootstrapRoom = drawnRoom - (drawnRoom % dataParallelSize) + rank;
      const meeting = `"bootstrap_host":${hosts[server]},"bootstrap_port":${bootstrapPorts[server]},"bootstrap_room":${bootstrapRoom}`;
      const added = dataParallelSize === 1 ? meeting : `${meeting},"disagg_prefill_dp_rank":${rank}`;
      const prefilled = fields.filter(({ name }) => !FOR_THE_DECODE.has(name));
      return {
        prefill: objectOf(body, prefilled, `"stream":false,${added}`),
        decode: objectOf(body, fields, added),
      };
    },
  };
}

/** @throws Unpairable */
function refuseSeveral(field: JsonField, body: Uint8Array): void {
  const { name } = field;
  if (name !== "n" && name !== "sampling_params") return;
  const several =
    name === "n"
      ? Number(valueOf(body, field)) > 1
      : fieldsOf(body.subarray(field.valueStart, field.end)).some(
          (inner) =>
            inner.name === "n" && Number(valueOf(body.subarray(field.valueStart, field.end), inner)) > 1,
        );
  if (several)
    throw new Unpairable(
      "SGLang's servers that prefill and decode apart give one answer a request; ask with `n` of 1.",
      name,
    );
}
