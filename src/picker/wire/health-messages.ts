import { Reader, Writer } from "./protobuf.ts";
import { tagOf } from "./struct.ts";

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
export const SERVING = 1;
export const NOT_SERVING = 2;

/** A `HealthCheckRequest`. */
export interface HealthCheck {
  /** Empty for all. */
  readonly service: string;
}

/** @throws RangeError, Error for bytes that are no such message */
export function readHealthCheck(bytes: Buffer): HealthCheck {
  const reader = Reader.create(bytes);
  const { len } = reader;
  let service = "";
  while (reader.pos < len) {
    const tag = reader.uint32();
    if (tag === tagOf(1)) service = reader.string();
    else reader.skipType(tag & 7);
  }
  return { service };
}

/** A `HealthCheckResponse`. */
export function healthAnswer(status: number): Buffer {
  return Writer.create()
    .uint32(1 << 3)
    .int32(status)
    .finish() as Buffer;
}
