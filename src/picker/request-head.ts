import type { IncomingHttpHeaders } from "node:http";
import { forwardedHeaders, requestIdOf } from "../http/headers.ts";
import type { EngineRequest, HeaderList } from "../serving/engine.ts";
import { engineRequest } from "../serving/engine-request.ts";
import { type ApiRoute, enginePath, routeOf } from "../serving/request/api-routes.ts";
import type { FieldPlaces } from "../lib/json-fields.ts";

/** A request of which the body may follow, as a proxy reports it. */
export interface RequestHead {
  readonly method: string;
  /** As the client wrote it. */
  readonly target: string;
  /** Without those that begin with a colon; names in lower case. */
  readonly headers: HeaderList;
  /** The same by name. */
  readonly byName: IncomingHttpHeaders;
  readonly requestId: string;
  /** Null where it is for none that the gateway knows. */
  readonly route: ApiRoute | null;
  /** What the path names; null for nothing. */
  readonly id: string | null;
}

export function requestHead(all: HeaderList): RequestHead {
  const headers: string[] = [];
  const byName: IncomingHttpHeaders = {};
  let method = "GET";
  let target = "/";
  for (let i = 0; i < all.length; i += 2) {
    const [name, value] = [all[i], all[i + 1]];
    if (name === ":method") method = value;
    else if (name === ":path") target = value;
    if (name.startsWith(":")) continue;
    headers.push(name, value);
    byName[name] ??= value;
  }
  const { route = null, id = null } = routeOf(method, target) ?? {};
  return { method, target, headers, byName, requestId: requestIdOf(byName), route, id };
}

/** The request as engines are sent it. @param endsKeys whether the client's key ends here */
export function sentRequest(
  { method, target, headers, requestId, route, id }: RequestHead,
  body: Buffer | null,
  fields: FieldPlaces | null,
  endsKeys: boolean,
): EngineRequest {
  return engineRequest({
    method: (method === "HEAD" ? "GET" : method) as EngineRequest["method"],
    path: route === null ? target : enginePath(route.path, id, target),
    headers: forwardedHeaders(headers, undefined, requestId, endsKeys),
    body,
    fields: fields ?? undefined,
  });
}
