/** The body is no request: malformed JSON, or a field that is missing or of the wrong kind. */
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

/** The gateway has as many requests in flight as it may. */
export class Overloaded extends Error {
  override readonly name = "Overloaded";
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** None of a pool's shards could be reached; nothing was begun. */
export class NoShardReachable extends Error {
  override readonly name = "NoShardReachable";
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * Why admission refuses: the tenant is over its rates; it has as many requests inside as it may; as many wait as may;
 * the wait was too long; it made room for a more important one, or for a tenant with fewer waiting; the gateway stops.
 */
export type RefusalReason =
  | "rate_limited"
  | "tenant_limit"
  | "queue_full"
  | "queue_timeout"
  | "overloaded"
  | "stopping";

/** The request was not let in; nothing was begun. */
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
