import type { Writer as MessageWriter } from "protobufjs/minimal.js";
import type { HeaderList } from "../../serving/engine.ts";
import { Writer } from "./protobuf.ts";
import { tagOf, writeNested } from "./struct.ts";

/**
 * What Envoy is answered: `envoy.service.ext_proc.v3.ProcessingResponse`. Field numbers are those of
 * envoy/service/ext_proc/v3/external_processor.proto and envoy/config/core/v3/base.proto.
 */
const DYNAMIC_METADATA = 8;
const IMMEDIATE = 7;
const FIELD = {
  request_headers: 1,
  response_headers: 2,
  request_body: 3,
  response_body: 4,
  request_trailers: 5,
  response_trailers: 6,
} as const;

/** `HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD`. */
const OVERWRITE = 2;

/** The namespace and the key of the picked endpoints. */
const ENDPOINT_NAMESPACE = "envoy.lb";
export const ENDPOINT_KEY = "x-gateway-destination-endpoint";

/** What is done to headers. */
export interface HeaderChanges {
  /** Names and values in turn, in place of those that are there. */
  readonly set: HeaderList;
  readonly removed: readonly string[];
}

/** What a client is answered at once. */
export interface Immediate {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: string;
  /** For access logs: a word. */
  readonly details: string;
}

/** @param endpoints where the request goes, as metadata; null for none */
export function headersAnswer(
  part: "request_headers" | "response_headers",
  changes: HeaderChanges,
  endpoints: string | null,
): Buffer {
  const writer = Writer.create();
  writer.uint32(tagOf(FIELD[part])).fork();
  // HeadersResponse.response, CommonResponse.header_mutation
  writer.uint32(tagOf(1)).fork();
  writer.uint32(tagOf(2)).fork();
  writeChanges(writer, changes);
  writer.ldelim().ldelim().ldelim();
  if (endpoints !== null) writeNested(writer, DYNAMIC_METADATA, ENDPOINT_NAMESPACE, ENDPOINT_KEY, endpoints);
  return finish(writer);
}

/** A piece of a body that is sent in full duplex: it goes on as it stands here. */
export function bodyAnswer(
  part: "request_body" | "response_body",
  body: Uint8Array,
  isLast: boolean,
): Buffer {
  const writer = Writer.create();
  writer.uint32(tagOf(FIELD[part])).fork();
  // BodyResponse.response, CommonResponse.body_mutation, BodyMutation.streamed_response
  writer.uint32(tagOf(1)).fork();
  writer.uint32(tagOf(3)).fork();
  writer.uint32(tagOf(3)).fork();
  if (body.length > 0) writer.uint32(tagOf(1)).bytes(body);
  if (isLast) writer.uint32(2 << 3).bool(true);
  writer.ldelim().ldelim().ldelim().ldelim();
  return finish(writer);
}

/** That part stays as it is. */
export function unchanged(part: keyof typeof FIELD): Buffer {
  return finish(Writer.create().uint32(tagOf(FIELD[part])).fork().ldelim());
}

/** The client is answered with that, and nothing is sent to a server. */
export function immediateAnswer({ status, headers, body, details }: Immediate): Buffer {
  const writer = Writer.create();
  writer.uint32(tagOf(IMMEDIATE)).fork();
  // HttpStatus.code
  writer
    .uint32(tagOf(1))
    .fork()
    .uint32(1 << 3)
    .int32(status)
    .ldelim();
  writer.uint32(tagOf(2)).fork();
  writeChanges(writer, { set: headers, removed: [] });
  writer.ldelim();
  writer.uint32(tagOf(3)).string(body);
  writer.uint32(tagOf(5)).string(details);
  return finish(writer.ldelim());
}

/** HeaderMutation: HeaderValueOptions with HeaderValues, and names. */
function writeChanges(writer: MessageWriter, { set, removed }: HeaderChanges): void {
  for (let i = 0; i < set.length; i += 2) {
    writer.uint32(tagOf(1)).fork();
    writer.uint32(tagOf(1)).fork();
    writer.uint32(tagOf(1)).string(set[i]);
    writer.uint32(tagOf(3)).bytes(Buffer.from(set[i + 1], "latin1"));
    writer.ldelim();
    writer.uint32(3 << 3).int32(OVERWRITE);
    writer.ldelim();
  }
  for (const name of removed) writer.uint32(tagOf(2)).string(name);
}

function finish(writer: MessageWriter): Buffer {
  return writer.finish() as Buffer;
}
