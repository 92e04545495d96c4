import type { OtlpRequest } from "./otlp-server.ts";

type Value = string | number | boolean | readonly Value[];
type Attributes = Readonly<Record<string, Value>>;

/** A span as a collector reads it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: "server" | "client";
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it has none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly ns: bigint; readonly attributes: Attributes }[];
  readonly failed: boolean;
  readonly resource: Attributes;
}

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}

type KeyValues = readonly { readonly key: string; readonly value: AnyValue }[];

interface JsonSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: KeyValues;
  readonly events: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes: KeyValues;
  }[];
  readonly status: { readonly code: number };
}

interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: KeyValues };
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[];
  }[];
}

const CLIENT = 3;
const ERROR = 2;

/** The spans of those requests that are JSON (`http/json`), in the order in which they came. */
export function receivedSpans(requests: readonly OtlpRequest[]): ReceivedSpan[] {
  return requests
    .filter(({ path, headers }) => path === "/v1/traces" && headers["content-type"] === "application/json")
    .flatMap(({ body }) => (JSON.parse(body.toString()) as JsonRequest).resourceSpans)
    .flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(span, attributesOf(resource.attributes)))),
    );
}

function spanOf(span: JsonSpan, resource: Attributes): ReceivedSpan {
  const { name, kind, traceId, spanId, parentSpanId = "", traceState = "" } = span;
  return {
    name,
    kind: kind === CLIENT ? "client" : "server",
    traceId,
    spanId,
    parentSpanId,
    traceState,
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      ns: BigInt(event.timeUnixNano),
      attributes: attributesOf(event.attributes),
    })),
    failed: span.status.code === ERROR,
    resource,
  };
}

function attributesOf(pairs: KeyValues): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: AnyValue): Value {
  const { stringValue, intValue, doubleValue, boolValue, arrayValue } = value;
  if (arrayValue !== undefined) return arrayValue.values.map(valueOf);
  return stringValue ?? boolValue ?? Number(intValue ?? doubleValue);
}
