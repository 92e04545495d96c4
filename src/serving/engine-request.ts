import { joined } from "../lib/json-fields.ts";
import type { EngineRequest, HeaderList } from "./engine.ts";

/**
 * A request with all of its properties in one order, as every one that is made here: what reads requests meets one shape,
 * whatever was replaced on the way.
 */
export function engineRequest({
  method,
  path,
  headers,
  body,
  fields,
  added,
  asksForExperts,
  answerId,
}: EngineRequest): EngineRequest {
  return { method, path, headers, body, fields, added, asksForExperts, answerId };
}

/** With these headers in place of its own. */
export function withOtherHeaders(
  { method, path, body, fields, added, asksForExperts, answerId }: EngineRequest,
  headers: HeaderList,
): EngineRequest {
  return { method, path, headers, body, fields, added, asksForExperts, answerId };
}

/** With another body, of whose fields nothing is known. */
export function withOtherBody(
  { method, path, headers, added, asksForExperts, answerId }: EngineRequest,
  body: Uint8Array,
): EngineRequest {
  return { method, path, headers, body, fields: undefined, added, asksForExperts, answerId };
}

/** With fields added to its body. @param more e.g. `"a":1,"b":2` */
export function adding(
  { method, path, headers, body, fields, added, asksForExperts, answerId }: EngineRequest,
  more: string,
): EngineRequest {
  return { method, path, headers, body, fields, added: joined(added, more), asksForExperts, answerId };
}

/** With an id for the answer that its server may keep. */
export function withAnswerId(
  { method, path, headers, body, fields, added, asksForExperts }: EngineRequest,
  answerId: () => string,
): EngineRequest {
  return { method, path, headers, body, fields, added, asksForExperts, answerId };
}
