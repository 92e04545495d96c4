import { Client, Server, ServerCredentials, type ServerDuplexStream, credentials } from "@grpc/grpc-js";
import { writeFile } from "node:fs/promises";

const PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const asBytes = (bytes: Buffer): Buffer => bytes;

/** What a proxy and a picker have said on one stream, oldest first: messages in base64. */
interface Exchange {
  readonly messages: { readonly from: "proxy" | "picker"; readonly message: string }[];
}

/** Stands between a proxy and a picker, and writes down what they say. */
export class RecordingPicker {
  readonly #server = new Server();
  readonly #client: Client;
  readonly #exchanges: Exchange[] = [];

  /** @param picker its address */
  constructor(picker: string) {
    this.#client = new Client(picker, credentials.createInsecure());
    const definition = {
      path: PROCESS,
      requestStream: true,
      responseStream: true,
      requestSerialize: asBytes,
      requestDeserialize: asBytes,
      responseSerialize: asBytes,
      responseDeserialize: asBytes,
    };
    this.#server.addService(
      { Process: definition },
      { Process: (call: ServerDuplexStream<Buffer, Buffer>) => this.#relay(call) },
    );
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const credentialsOfServer = ServerCredentials.createInsecure();
      this.#server.bindAsync(`127.0.0.1:${port}`, credentialsOfServer, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** Writes all that was said, and ends. */
  async close(path: string): Promise<void> {
    await writeFile(path, `${JSON.stringify(this.#exchanges, null, 1)}\n`);
    this.#server.forceShutdown();
    this.#client.close();
  }

  #relay(call: ServerDuplexStream<Buffer, Buffer>): void {
    const { messages }: Exchange = { messages: [] };
    this.#exchanges.push({ messages });
    const picker = this.#client.makeBidiStreamRequest(PROCESS, asBytes, asBytes);
    call.on("data", (bytes: Buffer) => {
      messages.push({ from: "proxy", message: bytes.toString("base64") });
      picker.write(bytes);
    });
    picker.on("data", (bytes: Buffer) => {
      messages.push({ from: "picker", message: bytes.toString("base64") });
      call.write(bytes);
    });
    call.on("end", () => picker.end());
    picker.on("end", () => call.end());
    call.on("cancelled", () => picker.cancel());
    for (const stream of [call, picker]) stream.on("error", () => {});
  }
}
