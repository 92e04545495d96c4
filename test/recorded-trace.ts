import type { Shard } from "../src/serving/engine.ts";
import type {
  AttemptPart,
  AttemptTrace,
  FlightEnd,
  RequestTrace,
} from "../src/serving/tracing/request-trace.ts";

/** Keeps what it is told of a request and of its attempts, in order. */
export class RecordedTrace implements RequestTrace {
  readonly traceId = "0af7651916cd43dd8448eb211c80319c";
  readonly spanId = "b7ad6b7169203331";
  readonly calls: string[] = [];
  readonly attempts: RecordedAttempt[] = [];

  began(pool: string): void {
    this.calls.push(`began ${pool}`);
  }

  moved(pool: string): void {
    this.calls.push(`moved ${pool}`);
  }

  queued(): void {
    this.calls.push("queued");
  }

  admitted(): void {
    this.calls.push("admitted");
  }

  routed(): void {
    this.calls.push("routed");
  }

  attempt({ id }: Shard, part: AttemptPart): AttemptTrace {
    const attempt = new RecordedAttempt(`${id} ${part}`);
    this.attempts.push(attempt);
    return attempt;
  }

  resent(fault: Error | null): void {
    this.calls.push(`resent ${fault === null ? "beside" : "after"}`);
  }

  answered({ id }: Shard): void {
    this.calls.push(`answered ${id}`);
  }

  ended({ outcome, errorType }: FlightEnd): void {
    this.calls.push(`ended ${outcome}${errorType === "" ? "" : ` (${errorType})`}`);
  }

  refused(reason: string): void {
    this.calls.push(`refused ${reason}`);
  }
}

/** The first call that ends it, with what came before. */
export class RecordedAttempt implements AttemptTrace {
  readonly name: string;
  sent = false;
  status = 0;
  end: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  headers(forwarded: readonly string[]): readonly string[] {
    this.sent = true;
    return forwarded;
  }

  received(status: number): void {
    if (this.end === null) this.status = status;
  }

  ended(): void {
    this.end ??= "ended";
  }

  failed(): void {
    this.end ??= "failed";
  }

  cancelled(): void {
    this.end ??= "cancelled";
  }
}
