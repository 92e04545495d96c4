import { InputError } from "../lib/errors.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { AZURE_HEADER, readAzureTrace } from "./azure-trace.ts";
import { decodeText } from "./json.ts";
import { readMooncakeTrace } from "./mooncake-trace.ts";

/**
 * Reads a traffic trace of either kind, told apart by its first line.
 * @returns at least one request, in order of arrival, the first at 0 ms
 * @throws InputError naming the line at fault, also where time goes backwards
 */
export function readTrace(bytes: Uint8Array, source: string): TraceRequest[] {
  const requests = readKind(decodeText(bytes, source), source);
  if (requests.length === 0) throw new InputError(source, "", "holds no requests; expected at least one");
  const start = requests[0].arrivalMs;
  return requests.map((request) => ({ ...request, arrivalMs: request.arrivalMs - start }));
}

function readKind(text: string, source: string): TraceRequest[] {
  if (text.startsWith(AZURE_HEADER)) return readAzureTrace(text, source);
  if (text.trimStart().startsWith("{")) return readMooncakeTrace(text, source);
  const kinds = `Azure trace (CSV with the header ${AZURE_HEADER}) nor a Mooncake trace (lines of JSON)`;
  const why = text.trim() === "" ? ", for the file is empty" : "";
  throw new InputError(source, "line 1", `begins neither an ${kinds}${why}; expected one of them`);
}
