import type { TogetherPairing } from "../../serving/pairing.ts";
import { withFields } from "../http/json-fields.ts";

export interface PrefillServers {
  readonly urls: readonly string[];
  readonly dataParallelSize: number;
  /** `--disaggregation-bootstrap-port` of the server behind each URL. */
  readonly bootstrapPorts: readonly number[];
}

/**
 * What both servers of a pair get: where the decode asks for the prefill, and the room in which they meet.
 * @param prefillRank the prefill's data-parallel rank; null where its server chooses it
 */
function bootstrapFields(host: string, port: number, room: number, prefillRank: number | null): string {
  const fields = `"bootstrap_host":${JSON.stringify(host)},"bootstrap_port":${port},"bootstrap_room":${room}`;
  return prefillRank === null ? fields : `${fields},"disagg_prefill_dp_rank":${prefillRank}`;
}

/** Pairs with SGLang's prefill servers. */
export function bootstrap({ urls, dataParallelSize, bootstrapPorts }: PrefillServers): TogetherPairing {
  const hosts = urls.map((url) => new URL(url).hostname);
  return {
    kind: "together",
    body(body, prefillRank, room) {
      const server = Math.floor(prefillRank / dataParallelSize);
      const rank = prefillRank % dataParallelSize;
      const own = dataParallelSize === 1 ? null : rank;
      // Versions without the field of the rank take it to be the room modulo the ranks.
      const meeting = room - (room % dataParallelSize) + rank;
      return withFields(body, bootstrapFields(hosts[server], bootstrapPorts[server], meeting, own));
    },
  };
}
