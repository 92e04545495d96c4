import type { RoutingTrace } from "../src/model/routing-trace.ts";
import type {
  Engine,
  EngineRequest,
  EngineUnreachable,
  Exchange,
  ResponseHeaders,
  ResponseSink,
  Shard,
} from "../src/serving/engine.ts";
import { headerIndex } from "../src/engines/http/request-headers.ts";

export interface WholeResponse extends ResponseHeaders {
  readonly text: string;
}

/** Keeps what it receives, in order; `onData` returns whether it takes more. */
export class RecordingSink implements ResponseSink {
  readonly received: ("headers" | "data" | "end" | "fail")[] = [];
  readonly chunks: Buffer[] = [];
  readonly routings: RoutingTrace[] = [];
  headersHeard: ResponseHeaders | null = null;
  fault: EngineUnreachable | null = null;
  onData: (chunk: Buffer) => boolean = () => true;
  readonly #over = Promise.withResolvers<void>();
  /** Resolves at the end or the failure. */
  readonly over = this.#over.promise;

  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }

  headers(head: ResponseHeaders): void {
    this.received.push("headers");
    this.headersHeard = head;
  }

  data(chunk: Buffer): boolean {
    this.received.push("data");
    this.chunks.push(chunk);
    return this.onData(chunk);
  }

  routed(routing: RoutingTrace): void {
    this.routings.push(routing);
  }

  end(): void {
    this.received.push("end");
    this.#over.resolve();
  }

  fail(fault: EngineUnreachable): void {
    this.received.push("fail");
    this.fault = fault;
    this.#over.resolve();
  }
}

/** Sends and records; the sink has received nothing yet. */
export function sent(
  engine: Engine,
  shard: Shard,
  request: EngineRequest,
): { readonly sink: RecordingSink; readonly exchange: Exchange } {
  const sink = new RecordingSink();
  return { sink, exchange: engine.send(shard, request, sink) };
}

/** Resolves with the whole response; rejects with the EngineUnreachable it failed with. */
export async function respond(engine: Engine, shard: Shard, request: EngineRequest): Promise<WholeResponse> {
  const { sink } = sent(engine, shard, request);
  await sink.over;
  if (sink.fault !== null) throw sink.fault;
  if (sink.headersHeard === null) throw new Error("a response ended without response headers");
  return { ...sink.headersHeard, text: sink.text };
}

/** A response header's value, or null. */
export function header(head: ResponseHeaders | null, name: string): string | null {
  const at = head === null ? -1 : headerIndex(head.headers, name);
  return head === null || at < 0 ? null : head.headers[at + 1];
}
