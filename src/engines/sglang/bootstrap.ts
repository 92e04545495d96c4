import { type TogetherPairing, Unpairable } from "../../serving/pairing.ts";
import { type JsonField, fieldsOf, lastOf, objectOf, valueOf } from "../../lib/json-fields.ts";

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
    pair(body, places, prefillRank, drawnRoom) {
      const fields = fieldsOf(body, places);
      for (const field of lastOf(fields)) refuseSeveral(field, body);
      const server = Math.floor(prefillRank / dataParallelSize);
      const rank = prefillRank % dataParallelSize;
      // Prefills that take their rank from the bootstrap room take it modulo the ranks.
      const bootstrapRoom = drawnRoom - (drawnRoom % dataParallelSize) + rank;
      const meeting = `"bootstrap_host":${hosts[server]},"bootstrap_port":${bootstrapPorts[server]},"bootstrap_room":${bootstrapRoom}`;
      const added = dataParallelSize === 1 ? meeting : `${meeting},"disagg_prefill_dp_rank":${rank}`;
      const prefilled = fields.filter(({ name }) => !FOR_THE_DECODE.has(name));
      return {
        prefillBody: objectOf(body, prefilled, `"stream":false,${added}`),
        decodeFields: added,
      };
    },
  };
}

/** @throws Unpairable */
function refuseSeveral(field: JsonField, body: Uint8Array): void {
  const { name } = field;
  const several =
    (name === "n" && isSeveral(body, field)) || (name === "sampling_params" && asksForSeveral(body, field));
  if (several)
    throw new Unpairable(
      "SGLang's servers that prefill and decode apart give one answer a request; ask with `n` of 1.",
      name,
    );
}

function isSeveral(object: Uint8Array, field: JsonField): boolean {
  return Number(valueOf(object, field, LONGEST_NUMBER_BYTES)) > 1;
}

function asksForSeveral(body: Uint8Array, { valueStart, end }: JsonField): boolean {
  const parameters = Buffer.from(body.buffer, body.byteOffset + valueStart, end - valueStart);
  // With a grammar in them they are long; then it is enough whether they name such a field at all.
  if (parameters.length > LOOKED_INTO_BYTES) return WRITTEN.some((n) => parameters.includes(n));
  return fieldsOf(parameters).some((inner) => inner.name === "n" && isSeveral(parameters, inner));
}

const LONGEST_NUMBER_BYTES = 400;
const LOOKED_INTO_BYTES = 65_536;
/** The name `n` as JSON can write it. */
const WRITTEN = ['"n"', '"\\u006e"', '"\\u006E"'];
