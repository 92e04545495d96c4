import { withFields } from "../lib/json-fields.ts";
import type { EngineRequest } from "../serving/engine.ts";
import { headerChanges } from "./header-changes.ts";
import type { RequestHead } from "./request-head.ts";
import { ENDPOINT_KEY, bodyAnswer, headersAnswer, unchanged } from "./wire/processing-response.ts";

/** Larger pieces of a body are not taken by every proxy. */
const PIECE_BYTES = 62_000;
const NOTHING = new Uint8Array(0);

/** What came of a request after its headers. */
export interface CameWith {
  /** In pieces that go back; null where the proxy has none, or keeps it. */
  readonly body: Uint8Array | null;
  readonly trailers: boolean;
}

/**
 * Tells a proxy where its request goes, and as what: its headers, then its body, then its trailers.
 * @param sent as the server has to receive it
 * @param endpoints with commas between them
 */
export function pickAnswer(
  head: RequestHead,
  came: CameWith,
  sent: EngineRequest,
  endpoints: string,
): Buffer[] {
  const { set, removed } = headerChanges(head.headers, sent.headers);
  const changes = [...set, ENDPOINT_KEY, endpoints];
  const answers: Buffer[] = [];
  if (came.body !== null) {
    const parts = partsOf(sent.body ?? came.body, sent);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const announced = head.byName["content-length"];
    if (announced !== undefined && Number(announced) !== length) changes.push("content-length", `${length}`);
    const pieces = piecesOf(parts, length);
    for (const [i, piece] of pieces.entries())
      answers.push(bodyAnswer("request_body", piece, i === pieces.length - 1 && !came.trailers));
    if (came.trailers) answers.push(unchanged("request_trailers"));
  }
  return [headersAnswer("request_headers", { set: changes, removed }, endpoints), ...answers];
}

function partsOf(body: Uint8Array, { fields, added = "" }: EngineRequest): readonly Uint8Array[] {
  return added === "" ? [body] : withFields(body, added, fields?.length === 0);
}

/** What is short goes in one piece, whatever it was put together from. */
function piecesOf(parts: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  if (length === 0) return [NOTHING];
  if (length <= PIECE_BYTES) return [parts.length === 1 ? parts[0] : Buffer.concat(parts)];
  return parts.flatMap((part) =>
    Array.from({ length: Math.ceil(part.length / PIECE_BYTES) }, (_, i) =>
      part.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES),
    ),
  );
}
