import { type ClientDuplexStream, Client, credentials } from "@grpc/grpc-js";
import { type Heard, type Said, healthCheck, heard, said } from "./messages.ts";

const PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const CHECK = "/grpc.health.v1.Health/Check";
const asBytes = (bytes: Buffer): Buffer => bytes;

/** A proxy's connection to an endpoint picker. */
export class ProxyClient {
  readonly #client: Client;
  readonly #streams = new Set<ProxiedStream>();

  /**
   * @param address host and port
   * @param ca of its certificate; null for a picker that speaks unencrypted
   * @param own certificate, where the picker asks for one
   */
  constructor(
    address: string,
    ca: Buffer | null = null,
    own: { readonly cert: string; readonly key: string } | null = null,
  ) {
    const [key, cert] = own === null ? [null, null] : [Buffer.from(own.key), Buffer.from(own.cert)];
    const channel = ca === null ? credentials.createInsecure() : credentials.createSsl(ca, key, cert);
    this.#client = new Client(address, channel);
  }

  /** A request begins. */
  begin(): ProxiedStream {
    const stream = new ProxiedStream(this.#client.makeBidiStreamRequest(PROCESS, asBytes, asBytes));
    this.#streams.add(stream);
    void stream.ended.then(() => this.#streams.delete(stream));
    return stream;
  }

  /** The status that the picker's health service gives for a service. */
  async health(service: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        CHECK,
        healthCheck.asked,
        healthCheck.answered,
        service,
        (error, status) => (error === null ? resolve(status as string) : reject(error)),
      );
    });
  }

  /** It is gone, with all of its streams. */
  close(): void {
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
  }
}

/** One stream: what a proxy says of one request, and what it hears. */
export class ProxiedStream {
  readonly heard: Heard[] = [];
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #ended: Promise<number>;
  #wake: () => void = () => {};

  constructor(call: ClientDuplexStream<Buffer, Buffer>) {
    this.#call = call;
    call.on("data", (bytes: Buffer) => {
      this.heard.push(heard(bytes));
      this.#wake();
    });
    call.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      call.on("status", ({ code }) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  say(...all: readonly Said[]): this {
    for (const one of all) this.#call.write(said(one));
    return this;
  }

  /** Sends what may be no message. */
  raw(bytes: Buffer): this {
    this.#call.write(bytes);
    return this;
  }

  /** Resolves with the first `count` answers. Rejects when the stream ends before. */
  async answers(count: number): Promise<readonly Heard[]> {
    let over = false;
    void this.#ended.then(() => (over = true));
    while (this.heard.length < count) {
      if (over) throw new Error(`the picker has ended the stream after ${this.heard.length} answers`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.heard;
  }

  /** @returns the gRPC status with which the stream has ended */
  async end(): Promise<number> {
    this.#call.end();
    return await this.#ended;
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** The same, when the picker ends it. */
  get ended(): Promise<number> {
    return this.#ended;
  }
}
