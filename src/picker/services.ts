import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { type HealthCheck, healthAnswer, readHealthCheck } from "./wire/health-messages.ts";

const asBytes = (bytes: Buffer): Buffer => bytes;

/** `envoy.service.ext_proc.v3.ExternalProcessor`: messages as bytes, which wire/ reads and writes. */
export const EXTERNAL_PROCESSOR = "envoy.service.ext_proc.v3.ExternalProcessor";

export const externalProcessor: ServiceDefinition = {
  Process: method<Buffer, Buffer>(`/${EXTERNAL_PROCESSOR}/Process`, true, asBytes, asBytes),
};

/** `grpc.health.v1.Health`, without Watch: who calls that gets UNIMPLEMENTED, as the protocol allows. */
export const health: ServiceDefinition = {
  Check: method<HealthCheck, number>("/grpc.health.v1.Health/Check", false, readHealthCheck, healthAnswer),
};

function method<Request, Response>(
  path: string,
  streams: boolean,
  requestDeserialize: (bytes: Buffer) => Request,
  responseSerialize: (response: Response) => Buffer,
): MethodDefinition<Request, Response> {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestDeserialize,
    responseSerialize,
    requestSerialize: unused,
    responseDeserialize: unused,
  };
}

/** A client's part. */
function unused(): never {
  throw new Error("this side of the service is not spoken here");
}
