import { list, number, record, text as name } from "../../../lib/shape.ts";
import type { ExpertLoad } from "../../../model/load.ts";
import type { GatewayClient } from "./gateway-client.ts";

/** As gateways write an event. */
const REPORT = "event: report\ndata: ";

const report = record({ pool: name, experts: number(1), expertLoad: list(list(number(0))) });

/**
 * The next load of a pool's experts that its leader reports: of each layer, in parts of an expert's fair part.
 * @returns null where none is reported in time, or nothing was counted yet
 */
export async function reportedLoad(
  client: GatewayClient,
  pool: string,
  withinMs: number,
  signal: AbortSignal,
): Promise<ExpertLoad | null> {
  const enough = AbortSignal.timeout(withinMs);
  let text = "";
  try {
    const decoder = new TextDecoder();
    for await (const chunk of await client.stream("/ep/v1/events", AbortSignal.any([signal, enough]))) {
      const events = (text + decoder.decode(chunk, { stream: true })).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const load = event.startsWith(REPORT) ? loadOf(event.slice(REPORT.length), pool) : null;
        if (load !== null) return load;
      }
    }
  } catch (error) {
    if (!enough.aborted || signal.aborted) throw error;
  }
  return null;
}

function loadOf(data: string, pool: string): ExpertLoad | null {
  const said = report(JSON.parse(data), "");
  const { experts, expertLoad } = said;
  if (said.pool !== pool || expertLoad.length === 0) return null;
  if (expertLoad.some((row) => row.length !== experts)) return null;
  const tokens = Float64Array.from(expertLoad.flat());
  return tokens.some((load) => load > 0) ? { layers: expertLoad.length, experts, tokens } : null;
}
