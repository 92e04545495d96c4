import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

/**
 * The messages between a proxy and an endpoint picker, read and written by what a .proto says: another way than the
 * picker's own, and a judge of it.
 */
const PROTO = fileURLToPath(new URL("ext_proc.proto", import.meta.url));
const { root } = protobuf.parse(readFileSync(PROTO, "utf8"), { keepCase: true });

type Headers = readonly (readonly [name: string, value: string])[];

/** What a proxy says of one part. */
export type Part =
  | { readonly request_headers: HttpHeaders }
  | { readonly response_headers: HttpHeaders }
  | { readonly request_body: HttpBody }
  | { readonly response_body: HttpBody }
  | { readonly request_trailers: object }
  | { readonly response_trailers: object };

interface HttpHeaders {
  readonly headers: Headers;
  readonly end_of_stream?: boolean;
}

interface HttpBody {
  readonly body: Uint8Array | string;
  readonly end_of_stream?: boolean;
}

/** With what stands around a part. */
export type Said = Part & {
  readonly metadata?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  readonly modes?: readonly [request: number, response: number];
  readonly observes?: boolean;
};

/** An answer of the picker's. */
export interface Heard {
  /** The part that it is for, or `immediate_response`. */
  readonly part: string;
  readonly set: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
  /** A piece of a body, and whether it is the last; null where it is none. */
  readonly body: string | null;
  readonly isLast: boolean;
  /** As dynamic metadata; null for none. */
  readonly endpoints: string | null;
  /** Of an immediate response; null for others. */
  readonly status: number | null;
}

/** A ProcessingRequest. */
export function said({ metadata, modes, observes = false, ...part }: Said): Buffer {
  const [kind, of] = Object.entries(part)[0] as [string, Partial<HttpHeaders & HttpBody>];
  const value =
    of.headers !== undefined
      ? { headers: headerMap(of.headers), end_of_stream: of.end_of_stream ?? false }
      : of.body !== undefined
        ? { body: Buffer.from(of.body as string), end_of_stream: of.end_of_stream ?? false }
        : {};
  return encoded("ProcessingRequest", {
    [kind]: value,
    observability_mode: observes,
    ...(metadata === undefined ? {} : { metadata_context: { filter_metadata: structs(metadata) } }),
    ...(modes === undefined
      ? {}
      : { protocol_config: { request_body_mode: modes[0], response_body_mode: modes[1] } }),
  });
}

/** What a ProcessingResponse says. */
export function heard(bytes: Buffer): Heard {
  const type = root.lookupType("ext_proc.ProcessingResponse");
  const answer = type.toObject(type.decode(bytes), { oneofs: true, enums: String }) as Answer;
  const part = answer.response;
  const own = answer[part] as Own;
  const changes = own.headers ?? own.header_mutation ?? own.response?.header_mutation ?? {};
  const streamed = own.response?.body_mutation?.streamed_response ?? null;
  const set = (changes.set_headers ?? []).map(({ header, append_action }) => {
    if (append_action !== "OVERWRITE_IF_EXISTS_OR_ADD") throw new Error(`${header.key} would be added to`);
    return [header.key, header.raw_value.toString()] as const;
  });
  const lb = answer.dynamic_metadata?.fields["envoy.lb"]?.struct_value?.fields ?? {};
  return {
    part,
    set: Object.fromEntries(set),
    removed: changes.remove_headers ?? [],
    body: streamed === null ? (own.body?.toString() ?? null) : (streamed.body?.toString() ?? ""),
    isLast: streamed?.end_of_stream ?? false,
    endpoints: lb["x-gateway-destination-endpoint"]?.string_value ?? null,
    status: own.status?.code ?? null,
  };
}

/** A HealthCheckRequest, and what its answer says. */
export const healthCheck = {
  asked: (service: string): Buffer => encoded("HealthCheckRequest", { service }),
  answered(bytes: Buffer): string {
    const type = root.lookupType("ext_proc.HealthCheckResponse");
    const { status } = type.toObject(type.decode(bytes), { enums: String }) as { status?: string };
    return status ?? "UNKNOWN";
  },
};

interface Struct {
  readonly fields: Readonly<Record<string, { string_value?: string; struct_value?: Struct }>>;
}

interface Changes {
  readonly set_headers?: readonly { header: { key: string; raw_value: Buffer }; append_action?: string }[];
  readonly remove_headers?: readonly string[];
}

interface Own {
  readonly response?: {
    readonly header_mutation?: Changes;
    readonly body_mutation?: { readonly streamed_response?: { body?: Buffer; end_of_stream?: boolean } };
  };
  readonly header_mutation?: Changes;
  readonly headers?: Changes;
  readonly body?: Buffer;
  readonly status?: { readonly code: number };
}

type Answer = { readonly response: string; readonly dynamic_metadata?: Struct } & Readonly<
  Record<string, unknown>
>;

function encoded(name: string, value: object): Buffer {
  const type = root.lookupType(`ext_proc.${name}`);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
}

function headerMap(headers: Headers): object {
  return { headers: headers.map(([key, value]) => ({ key, raw_value: Buffer.from(value) })) };
}

function structs(metadata: NonNullable<Said["metadata"]>): object {
  const valueOf = (value: string | readonly string[]) =>
    typeof value === "string"
      ? { string_value: value }
      : { list_value: { values: value.map((one) => ({ string_value: one })) } };
  return Object.fromEntries(
    Object.entries(metadata).map(([namespace, entries]) => [
      namespace,
      { fields: Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, valueOf(value)])) },
    ]),
  );
}
