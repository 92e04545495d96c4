import { EngineUnreachable, type ResponseHeaders, type ResponseSink } from "../../serving/engine.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { headerIndex } from "./request-headers.ts";

const GOOD = 200;
const FAILED = 500;
/** What reports a death is short. */
const MOST_READ_BYTES = 4096;
const FRAME = Buffer.from('data: {"error"');
const FRAME_END = "\n\n";

/** Whether an error, as the server words it, reports that its engine has died. @param error the value of `error` */
export type ReportsDeath = (error: unknown) => boolean;

/**
 * Between a connection and the sink of its response: where a server answers nothing but that its engine has died, there
 * was no answer. Whatever else it answers goes on as it is; of a 500 the whole is awaited, up to 4 KiB.
 */
export class DeathWatch implements ResponseSink {
  readonly #url: string;
  readonly #sink: ResponseSink;
  readonly #reportsDeath: ReportsDeath;
  /** Response headers of a 500 whose body is not all there, and what is. */
  #held: ResponseHeaders | null = null;
  #parts: Buffer[] = [];
  #length = 0;
  /** The stream's first bytes are to come. */
  #begins = false;

  constructor(url: string, sink: ResponseSink, reportsDeath: ReportsDeath) {
    this.#url = url;
    this.#sink = sink;
    this.#reportsDeath = reportsDeath;
  }

  headers(response: ResponseHeaders): void {
    const { status, headers } = response;
    if (status === FAILED && headerIndex(headers, "content-encoding") < 0) {
      this.#held = response;
      return;
    }
    this.#begins = status === GOOD;
    this.#sink.headers(response);
  }

  data(chunk: Buffer): boolean {
    if (this.#held !== null) return this.#hold(chunk);
    if (this.#begins) {
      this.#begins = false;
      if (chunk.subarray(0, FRAME.length).equals(FRAME) && this.#isDeath(frameOf(chunk))) {
        this.#died();
        return true;
      }
    }
    return this.#sink.data(chunk);
  }

  routed(routing: RoutingTrace): void {
    this.#sink.routed?.(routing);
  }

  end(): void {
    if (this.#held !== null) {
      if (this.#isDeath(Buffer.concat(this.#parts))) return this.#died();
      this.#release();
    }
    this.#sink.end();
  }

  fail(fault: EngineUnreachable): void {
    this.#sink.fail(fault);
  }

  #hold(chunk: Buffer): boolean {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    return this.#length <= MOST_READ_BYTES || this.#release();
  }

  #release(): boolean {
    this.#sink.headers(this.#held as ResponseHeaders);
    this.#held = null;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    return bytes.length === 0 || this.#sink.data(bytes);
  }

  #isDeath(json: Buffer): boolean {
    if (json.length > MOST_READ_BYTES) return false;
    try {
      const answer = JSON.parse(json.toString()) as { readonly error?: unknown } | null;
      return this.#reportsDeath(answer?.error);
    } catch {
      return false;
    }
  }

  #died(): void {
    const options = { mayHaveBegun: true, code: "ENGINE_DEAD" };
    this.#sink.fail(new EngineUnreachable(this.#url, "died before it answered", options));
  }
}

/** The data of the first frame. */
function frameOf(chunk: Buffer): Buffer {
  const end = chunk.indexOf(FRAME_END);
  return chunk.subarray("data: ".length, end < 0 ? chunk.length : end);
}
