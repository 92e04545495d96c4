import type { Unavailable } from "../routing/plug-in.ts";
import type { EngineUnreachable } from "./engine.ts";

/** The body is not a request: malformed JSON, or a field that is missing or of the wrong kind. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
  /** The field at fault; null for the whole body. */
  readonly field: string | null;

  constructor(message: string, field: string | null) {
    super(message);
    this.field = field;
  }
}

/** No pool serves the model that was asked for. */
export class UnknownModel extends Error {
  override readonly name = "UnknownModel";
}

/** There is no stored response of that id, or it is another client's. */
export class UnknownResponse extends Error {
  override readonly name = "UnknownResponse";
  /** Where the request names it. */
  readonly field: string;

  constructor(id: string, field: string) {
    super(`Response with id '${id}' not found.`);
    this.field = field;
  }
}

/** No shard of the pool may serve the request now. */
export class NoShardAvailable extends Error {
  override readonly name = "NoShardAvailable";
  readonly reason: Unavailable;
  readonly retryAfterSeconds: number;

  /** @param lastFault of the attempts that were made */
  constructor(
    reason: Unavailable,
    pool: string,
    lastFault: EngineUnreachable | null,
    retryAfterSeconds: number,
  ) {
    const after = lastFault === null ? "." : `: ${lastFault.forClients}`;
    super(`No shard of pool \`${pool}\` ${WHY[reason]}${after}`, { cause: lastFault });
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const WHY: Record<Unavailable, string> = {
  no_server: "is there: no server was found yet",
  no_such_model: "serves this model",
  no_such_rank: "has the rank that was asked for",
  not_in_subset: "is among the endpoints that the proxy offers",
  not_ready: "is ready",
  circuit_open: "admits requests",
  all_tried: "could be reached",
  at_capacity: "has free capacity",
};

/**
 * Why admission refuses: the tenant is over its rates; it has as many requests inside as it may; as many wait as may;
 * the wait was too long; it lost its place to a more important request, or to a tenant with fewer waiting; the gateway
 * stops.
 */
export type RefusalReason =
  | "rate_limited"
  | "tenant_limit"
  | "queue_full"
  | "queue_timeout"
  | "overloaded"
  | "stopping";

/** The request was not admitted; nothing was begun. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly reason: RefusalReason;
  /** When it may be sent again: whole seconds, by what is known of the limit or the queue. */
  readonly retryAfterSeconds: number;

  constructor(reason: RefusalReason, message: string, retryAfterSeconds: number) {
    super(message);
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
