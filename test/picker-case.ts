import { Rng } from "../src/lib/rng.ts";
import type { ModelSettings } from "../src/model/model-settings.ts";
import { BodyMemory } from "../src/http/body-memory.ts";
import { ReadingTurns } from "../src/http/reading-turns.ts";
import { PickedRequest, type PickerParts, type ProxyStream } from "../src/picker/picked-request.ts";
import { readProcessingRequest } from "../src/picker/wire/processing-request.ts";
import { Gateway } from "../src/serving/gateway.ts";
import { ModelRefresh } from "../src/serving/models/model-refresh.ts";
import { type Heard, type Said, heard, said } from "../harness/envoy/messages.ts";
import { type CaseOptions, FlightCase } from "./flight-case.ts";
import { openOrigins } from "./open-origins.ts";

/** A proxy's side of one stream, in the test's hands. */
export class HandProxy implements ProxyStream {
  readonly heard: Heard[] = [];
  /** How often the picker has ended the stream, and why where the proxy is to blame. */
  ends = 0;
  why: string | null = null;
  readonly request: PickedRequest;

  constructor(parts: PickerParts) {
    this.request = new PickedRequest(parts, this);
  }

  say(...all: readonly Said[]): this {
    for (const one of all) this.request.received(readProcessingRequest(said(one)));
    return this;
  }

  send(message: Buffer): void {
    this.heard.push(heard(message));
  }

  end(): void {
    this.ends++;
  }

  fail(why: string): void {
    this.ends++;
    this.why = why;
  }

  pause(): void {}

  resume(): void {}

  /** The parts that were answered, in order. */
  get parts(): string[] {
    return this.heard.map(({ part }) => part);
  }
}

export interface PickerOptions extends CaseOptions {
  readonly endpoints?: number;
  readonly limitBytes?: number;
  readonly memoryBytes?: number;
  /** What is said of models. */
  readonly models?: readonly ModelSettings[];
}

/** Streams of a proxy over a pool at 10.0.0.1:8000, 10.0.0.2:8000 and so on, which serves the model `m`. */
export class PickerCase {
  readonly flights: FlightCase;
  readonly memory: BodyMemory;
  readonly #parts: PickerParts;

  constructor({
    endpoints = 1,
    limitBytes = 100_000,
    memoryBytes = 1 << 20,
    models = [],
    ...options
  }: PickerOptions = {}) {
    this.flights = new FlightCase(options);
    this.memory = new BodyMemory(memoryBytes);
    const { deck, pools, clock } = this.flights;
    const refresh = new ModelRefresh(async () => {}, clock);
    const { locality } = this.flights;
    const localities = locality === null ? null : { of: () => locality, keep: () => {} };
    const makings = { models, prefixIndexBytes: 65_536, rng: new Rng(1), localities };
    const gateway = new Gateway(pools, deck, makings, refresh, () => {});
    this.#parts = {
      gateway: () => gateway,
      origins: openOrigins({ header: "x-tenant", sessionHeader: null, priorityHeader: null }),
      shards: { shown: (shard) => shard },
      bodies: { limitBytes, memory: this.memory, turns: new ReadingTurns(), timeoutMs: 1000 },
      endpoints,
    };
  }

  begin(): HandProxy {
    return new HandProxy(this.#parts);
  }
}

/** A chat's headers; `more` are added. */
export function chatHeaders(...more: (readonly [string, string])[]): Said {
  const headers = [
    [":method", "POST"],
    [":path", "/v1/chat/completions"],
    [":authority", "gateway"],
    ["content-type", "application/json"],
    ["x-request-id", "r1"],
    ...more,
  ] as const;
  return { request_headers: { headers }, modes: [4, 4] };
}

export const CHAT = '{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}';

export function chatBody(body = CHAT): Said {
  return { request_body: { body, end_of_stream: true } };
}

/** A stream's headers, as its server sends them. */
export function streamHeaders(status = "200", type = "text/event-stream"): Said {
  return {
    response_headers: {
      headers: [
        [":status", status],
        ["content-type", type],
      ],
    },
  };
}

export function piece(body: string, last = false): Said {
  return { response_body: { body, end_of_stream: last } };
}
