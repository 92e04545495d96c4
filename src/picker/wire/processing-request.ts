import type { Reader as MessageReader } from "protobufjs/minimal.js";
import type { HeaderList } from "../../serving/engine.ts";
import { Reader } from "./protobuf.ts";
import { readEntry, readStruct } from "./struct.ts";

/**
 * What Envoy sends of a request and its response: `envoy.service.ext_proc.v3.ProcessingRequest`. Field numbers are those
 * of envoy/service/ext_proc/v3/external_processor.proto and envoy/config/core/v3/base.proto; what is not read is skipped.
 */
export interface ProcessingRequest {
  /** Null where it is of a kind that is not known. */
  readonly part: RequestPart | null;
  /** The servers that may be picked; null for all. */
  readonly subset: readonly string[] | null;
  /** The server that has answered; null where it is not said. */
  readonly served: string | null;
  /** How bodies are sent; null in all messages but the first, and from an Envoy that does not say it. */
  readonly modes: BodyModes | null;
  /** Envoy takes no answers. */
  readonly observes: boolean;
}

/** A part of a request or of its response. */
export type RequestPart =
  | { readonly kind: HeadersPart; readonly headers: HeaderList; readonly isLast: boolean }
  | { readonly kind: "request_body" | "response_body"; readonly body: Buffer; readonly isLast: boolean }
  | { readonly kind: "request_trailers" | "response_trailers" };

type HeadersPart = "request_headers" | "response_headers";

/** `ProcessingMode.BodySendMode`. */
export const BODY_MODE = { none: 0, streamed: 1, buffered: 2, bufferedPartial: 3, fullDuplex: 4 } as const;

export interface BodyModes {
  readonly request: number;
  readonly response: number;
}

const SUBSET_NAMESPACE = "envoy.lb.subset_hint";
const SUBSET_KEY = "x-gateway-destination-endpoint-subset";
const SERVED_NAMESPACE = "envoy.lb";
const SERVED_KEY = "x-gateway-destination-endpoint-served";

const NOTHING = Buffer.alloc(0);

/** @throws RangeError, Error for bytes that are no such message */
export function readProcessingRequest(bytes: Buffer): ProcessingRequest {
  const reader = Reader.create(bytes);
  const { len } = reader;
  let part: RequestPart | null = null;
  let metadata: Metadata = { subset: null, served: null };
  let modes: BodyModes | null = null;
  let observes = false;
  while (reader.pos < len) {
    const tag = reader.uint32();
    switch (tag >>> 3) {
      case 2:
        part = readHeaders(reader, "request_headers");
        break;
      case 3:
        part = readHeaders(reader, "response_headers");
        break;
      case 4:
        part = readBody(reader, "request_body");
        break;
      case 5:
        part = readBody(reader, "response_body");
        break;
      case 6:
        reader.skipType(tag & 7);
        part = { kind: "request_trailers" };
        break;
      case 7:
        reader.skipType(tag & 7);
        part = { kind: "response_trailers" };
        break;
      case 8:
        metadata = readMetadata(reader);
        break;
      case 10:
        observes = reader.bool();
        break;
      case 11:
        modes = readModes(reader);
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  return { part, ...metadata, modes, observes };
}

function readHeaders(reader: MessageReader, kind: HeadersPart): RequestPart {
  const end = reader.uint32() + reader.pos;
  const headers: string[] = [];
  let isLast = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) readHeaderMap(reader, headers);
    else if (tag >>> 3 === 3) isLast = reader.bool();
    else reader.skipType(tag & 7);
  }
  return { kind, headers, isLast };
}

function readHeaderMap(reader: MessageReader, headers: string[]): void {
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) readHeader(reader, headers);
    else reader.skipType(tag & 7);
  }
}

/** Its value stands in `raw_value`, of older versions in `value`. */
function readHeader(reader: MessageReader, headers: string[]): void {
  const end = reader.uint32() + reader.pos;
  let key = "";
  let value = "";
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = reader.string();
    else if (tag >>> 3 === 3) value = (reader.bytes() as Buffer).toString("latin1") || value;
    else reader.skipType(tag & 7);
  }
  headers.push(key, value);
}

function readBody(reader: MessageReader, kind: "request_body" | "response_body"): RequestPart {
  const end = reader.uint32() + reader.pos;
  let body: Buffer = NOTHING;
  let isLast = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) body = reader.bytes() as Buffer;
    else if (tag >>> 3 === 2) isLast = reader.bool();
    else reader.skipType(tag & 7);
  }
  return { kind, body, isLast };
}

type Metadata = Pick<ProcessingRequest, "subset" | "served">;

function readMetadata(reader: MessageReader): Metadata {
  const end = reader.uint32() + reader.pos;
  let metadata: Metadata = { subset: null, served: null };
  const one = (namespace: string, length: number) => {
    if (namespace === SUBSET_NAMESPACE) {
      const subset = readStruct(reader, length).get(SUBSET_KEY);
      if (subset !== undefined) metadata = { ...metadata, subset: listOf(subset) };
    } else if (namespace === SERVED_NAMESPACE) {
      const served = readStruct(reader, length).get(SERVED_KEY);
      if (typeof served === "string" && served !== "") metadata = { ...metadata, served };
    } else reader.skip(length);
  };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) readEntry(reader, one);
    else reader.skipType(tag & 7);
  }
  return metadata;
}

/** A list, or the same with commas. What cannot be read offers nothing. */
function listOf(subset: string | readonly string[] | null): readonly string[] {
  const list = typeof subset === "string" ? subset.split(",") : (subset ?? []);
  return list.map((endpoint) => endpoint.trim()).filter((endpoint) => endpoint !== "");
}

function readModes(reader: MessageReader): BodyModes {
  const end = reader.uint32() + reader.pos;
  let request: number = BODY_MODE.none;
  let response: number = BODY_MODE.none;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) request = reader.int32();
    else if (tag >>> 3 === 2) response = reader.int32();
    else reader.skipType(tag & 7);
  }
  return { request, response };
}
