import { withFields } from "../../lib/json-fields.ts";
import type { EngineRequest, HeaderList } from "../../serving/engine.ts";
import { withHeaders } from "./request-headers.ts";

/** Longer bodies are written in pieces of this length, each when there is room for it. */
const PIECE_BYTES = 1 << 20;

/** What undici is given. */
export interface SentBody {
  readonly headers: HeaderList;
  readonly body: Uint8Array | Iterable<Uint8Array> | null;
}

/**
 * The body of a request with what is added to it. A long one is neither copied nor handed over at once: to copy 32 MiB,
 * or to encrypt them, would hold up all others.
 */
export function sentBody(
  { body, fields, added = "" }: Pick<EngineRequest, "body" | "fields" | "added">,
  headers: HeaderList,
): SentBody {
  if (body === null) return { headers, body };
  const isEmpty = fields === undefined ? undefined : fields.length === 0;
  const parts = added === "" ? [body] : withFields(body, added, isEmpty);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length <= PIECE_BYTES) return { headers, body: parts.length === 1 ? body : Buffer.concat(parts) };
  return { headers: withHeaders(headers, ["content-length", `${length}`]), body: pieces(parts) };
}

function* pieces(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += PIECE_BYTES) yield part.subarray(at, at + PIECE_BYTES);
}
