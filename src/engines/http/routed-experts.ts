import { readRoutedExpertLists, readRoutedExperts } from "../../formats/routed-experts.ts";
import { InputError } from "../../lib/errors.ts";
import { Rng } from "../../lib/rng.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { EngineRequest, ResponseHeaders, ResponseSink } from "../../serving/engine.ts";
import { adding } from "../../serving/engine-request.ts";
import { FieldCutter, type OnField } from "./field-cutter.ts";
import { headerIndex } from "./request-headers.ts";
import { UnseenFrames } from "./unseen-frames.ts";

/** Where engines write them: vLLM in each choice, SGLang in `sglext` or `meta_info`. */
const STEM = "routed_experts";
/** The type of the numbers, which the numbers also carry themselves. */
const KIND_NAME = "routed_experts_dtype";
const NAMES = ["routed_experts", "prompt_routed_experts", KIND_NAME];
const ASK = '"return_routed_experts":true';
/** Requests whose answers can have them. */
const PATHS = /^\/(?:v1\/chat\/completions|v1\/completions|generate)(?:\?|$)/;
/**
 * Of one value; the base64 of 3,200 tokens of DeepSeek-V3 with int32 ids. Of raw ids the beginning is a sample. A value is
 * read in one go, these in some 40 ms.
 */
const KEPT_BYTES = 8 << 20;
/** Of lists, which take ten times as long; the beginning is a sample. */
const READ_LIST_BYTES = 1 << 20;

export interface RoutedExpertsOptions {
  readonly model: MoeModel;
  /** The part of the requests whose answers are read, 0 to 1. */
  readonly part: number;
}

/** Reads the experts that engines return with their answers, and takes them out where the client did not ask. */
export class RoutedExperts {
  readonly counts = { read: 0, truncated: 0, foreign: 0 };
  readonly #model: MoeModel;
  readonly #part: number;
  readonly #asks: boolean;
  readonly #rng = new Rng(1);

  /** @param asks whether servers return them to requests that ask; else with every answer */
  constructor({ model, part }: RoutedExpertsOptions, asks: boolean) {
    this.#model = model;
    this.#part = part;
    this.#asks = asks;
  }

  /** @returns the request as it is sent, and the sink of its answer */
  wrap(
    request: EngineRequest,
    sink: ResponseSink,
  ): { readonly request: EngineRequest; readonly sink: ResponseSink } {
    const { body, path } = request;
    if (body === null || !PATHS.test(path)) return { request, sink };
    const sampled = this.#rng.uniform() < this.#part;
    const wanted = request.asksForExperts === true;
    if (!sampled && (wanted || this.#asks)) return { request, sink };
    const added = this.#asks && !wanted;
    return {
      request: added ? adding(request, ASK) : request,
      sink: new RoutedExpertsSink(sink, {
        strip: !wanted,
        added,
        onField: (name, value, whole) => {
          if (sampled && name !== KIND_NAME) this.#read(value, whole, sink);
        },
      }),
    };
  }

  #read(value: Buffer, whole: boolean, sink: ResponseSink): void {
    try {
      const routing = read(value, whole, this.#model);
      if (routing === null) return;
      this.counts.read++;
      sink.routed?.(routing);
    } catch (error) {
      if (!(error instanceof InputError) && !(error instanceof SyntaxError)) throw error;
      this.counts[whole ? "foreign" : "truncated"]++;
    }
  }
}

interface SinkOptions {
  readonly strip: boolean;
  /** The gateway asked, not the client: an event that has nothing else is not sent to the client. */
  readonly added: boolean;
  readonly onField: OnField;
}

/** Between a connection and the sink of its response. */
class RoutedExpertsSink implements ResponseSink {
  readonly #sink: ResponseSink;
  readonly #options: SinkOptions;
  #cutter: FieldCutter | null = null;
  #frames: UnseenFrames | null = null;

  constructor(sink: ResponseSink, options: SinkOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  headers(response: ResponseHeaders): void {
    const { headers, status } = response;
    const { strip, added, onField } = this.#options;
    // A compressed answer is relayed as it is.
    if (status !== 200 || headerIndex(headers, "content-encoding") >= 0) return this.#sink.headers(response);
    const type = headerIndex(headers, "content-type");
    if (added && type >= 0 && headers[type + 1].startsWith("text/event-stream"))
      this.#frames = new UnseenFrames();
    this.#cutter = new FieldCutter(STEM, NAMES, KEPT_BYTES, onField);
    const length = strip ? headerIndex(headers, "content-length") : -1;
    this.#sink.headers(length < 0 ? response : { ...response, headers: headers.toSpliced(length, 2) });
  }

  data(chunk: Buffer): boolean {
    if (this.#cutter === null) return this.#sink.data(chunk);
    const { strip } = this.#options;
    const parts = this.#cutter.take(chunk);
    if (!strip) return this.#sink.data(chunk);
    const outside = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    return this.#pass(this.#frames === null ? outside : this.#frames.take(outside));
  }

  end(): void {
    const held = this.#cutter?.end() ?? null;
    if (this.#options.strip) {
      if (this.#frames === null) this.#pass(held);
      else this.#pass(this.#frames.end(held));
    }
    this.#sink.end();
  }

  fail(fault: Parameters<ResponseSink["fail"]>[0]): void {
    this.#sink.fail(fault);
  }

  #pass(bytes: Buffer | null): boolean {
    return bytes === null || bytes.length === 0 || this.#sink.data(bytes);
  }
}

/** @param value JSON; @throws InputError, SyntaxError */
function read(value: Buffer, whole: boolean, model: MoeModel): RoutingTrace | null {
  if (value[0] === 0x22) {
    const end = whole ? value.length - 1 : 1 + Math.floor((value.length - 1) / 4) * 4;
    return readRoutedExperts(Buffer.from(value.toString("latin1", 1, end), "base64"), whole, model);
  }
  if (value.equals(NULL)) return null;
  const long = !whole || value.length > READ_LIST_BYTES;
  return readRoutedExpertLists(JSON.parse(long ? firstTokens(value) : value.toString("latin1")), model);
}

/** The beginning of lists by token, layer and choice, up to the end of a token. */
function firstTokens(lists: Buffer): string {
  const text = lists.toString("latin1", 0, READ_LIST_BYTES);
  return `${text.slice(0, text.lastIndexOf("]]") + 2)}]`;
}

const NULL = Buffer.from("null");
