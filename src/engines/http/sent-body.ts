import { withFields } from "../../lib/json-fields.ts";
import type { EngineRequest, HeaderList } from "../../serving/engine.ts";
import { withHeaders } from "./request-headers.ts";

/** Longer bodies are not copied to put something behind them. */
const COPIED_BYTES = 1 << 20;
/** What is encrypted at a time. */
const PIECE_BYTES = 1 << 20;

/** What undici is given. */
export interface SentBody {
  readonly headers: HeaderList;
  readonly body: Uint8Array | Iterable<Uint8Array> | null;
}

/**
 * The body of a request with what is added to it. A long one is not copied, nor encrypted in one go: with 32 MiB that
 * would hold up all others.
 */
export function sentBody(
  { body, fields, added = "" }: Pick<EngineRequest, "body" | "fields" | "added">,
  headers: HeaderList,
  encrypted = false,
): SentBody {
  if (body === null) return { headers, body };
  const isEmpty = fields === undefined ? undefined : fields.length === 0;
  const parts = added === "" ? [body] : withFields(body, added, isEmpty);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const isLong = length > COPIED_BYTES;
  if (parts.length === 1 && !(isLong && encrypted)) return { headers, body };
  if (!isLong) return { headers, body: Buffer.concat(parts) };
  const announced = withHeaders(headers, ["content-length", `${length}`]);
  return { headers: announced, body: encrypted ? pieces(parts) : parts };
}

function* pieces(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += PIECE_BYTES) yield part.subarray(at, at + PIECE_BYTES);
}
