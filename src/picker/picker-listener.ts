import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { PickerConfig } from "../config/picker-config.ts";
import type { ListenerTls } from "../config/read-tls.ts";
import { InputError } from "../lib/errors.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import { GrpcStreams, type StreamLimits } from "./grpc-stream.ts";
import type { PickerParts } from "./picked-request.ts";
import { ShownCertificates } from "./shown-certificates.ts";
import { EXTERNAL_PROCESSOR, externalProcessor, health } from "./services.ts";
import { type HealthCheck, NOT_SERVING, SERVING } from "./wire/health-messages.ts";

/** What Envoy puts around a piece of a body. */
const ENVELOPE_BYTES = 65_536;
/** Streams of one connection; a proxy with more requests in flight opens another. */
const STREAMS_OF_CONNECTION = 4096;

/** The endpoint picker's gRPC listener, beside HTTP: picks, and its health. */
export class PickerListener {
  readonly #config: PickerConfig;
  readonly #server: Server;
  readonly #pools: () => readonly ServingPool[];
  readonly #certificates: ShownCertificates | null;
  #stopping = false;

  /**
   * @param pools those that it picks for now
   * @param limits.idleMs how long a connection without a stream is kept
   */
  constructor(
    config: PickerConfig,
    parts: PickerParts,
    pools: () => readonly ServingPool[],
    limits: StreamLimits & { readonly idleMs: number },
  ) {
    const streams = new GrpcStreams(parts, limits);
    this.#config = config;
    this.#pools = pools;
    this.#certificates = config.tls === null ? null : new ShownCertificates(config.tls);
    this.#server = new Server({
      "grpc.max_receive_message_length": parts.bodies.limitBytes + ENVELOPE_BYTES,
      "grpc.max_send_message_length": -1,
      "grpc.max_concurrent_streams": STREAMS_OF_CONNECTION,
      "grpc.max_connection_idle_ms": limits.idleMs,
    });
    this.#server.addService(externalProcessor, {
      Process: (call: Parameters<GrpcStreams["begin"]>[0]) => streams.begin(call),
    });
    this.#server.addService(health, {
      Check: ({ request }: ServerUnaryCall<HealthCheck, number>, answer: sendUnaryData<number>) =>
        this.#check(request, answer),
    });
  }

  /** @returns where it listens, with the port that was taken. @throws InputError when the address cannot be had */
  async start(): Promise<string> {
    const { host, port } = this.#config;
    const credentials = this.#certificates?.credentials ?? ServerCredentials.createInsecure();
    const shown = host.includes(":") ? `[${host}]` : host;
    return await new Promise((resolve, reject) => {
      this.#server.bindAsync(`${shown}:${port}`, credentials, (error, taken) => {
        if (error === null) resolve(`${shown}:${taken}`);
        else
          reject(
            new InputError(
              "configuration",
              "picker.port",
              `is ${port}, and ${shown}:${port} cannot be had (${error.message}); choose a free port, or 0 for any`,
            ),
          );
      });
    });
  }

  /** Connections from now on get these certificates. */
  show(tls: ListenerTls): void {
    this.#certificates?.show(tls);
  }

  /** Takes no new connections and lets streams finish, `graceMs` at most. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const grace = setTimeout(() => this.#server.forceShutdown(), graceMs);
    await new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
    clearTimeout(grace);
  }

  #check({ service }: HealthCheck, answer: sendUnaryData<number>): void {
    if (service === "liveness") return answer(null, SERVING);
    if (!["", "readiness", EXTERNAL_PROCESSOR].includes(service))
      return answer({ code: status.NOT_FOUND, details: `There is no service ${service.slice(0, 100)}.` });
    answer(null, this.#isReady() ? SERVING : NOT_SERVING);
  }

  /** As `/ready` says of its pools, of which one is enough. */
  #isReady(): boolean {
    return !this.#stopping && this.#pools().some(({ health: { lack } }) => lack === null);
  }
}
