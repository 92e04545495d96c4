import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** The frames of a streamed answer, and the pause before each. */
const FRAMES = 6;
const PAUSE_MS = 4;

/**
 * An engine of the model `small` in this process, at an address of its own, that ends as a pod does: it takes no new
 * connections, and answers what it has. A stream names it in every frame.
 */
export class FakePod {
  readonly name: string;
  readonly uid: string;
  readonly address: string;
  /** Requests that it was sent, and connections that it took. */
  requests = 0;
  connections = 0;
  /** Questions about its health and its models. */
  questions = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  private constructor(name: string, uid: string, address: string) {
    this.name = name;
    this.uid = uid;
    this.address = address;
    this.#server.on("connection", () => this.connections++);
  }

  static async start(name: string, uid: string, address: string, port: number): Promise<FakePod> {
    const pod = new FakePod(name, uid, address);
    pod.#server.listen(port, address);
    await once(pod.#server, "listening");
    return pod;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves when its last answer is over. */
  async end(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await request.toArray();
    if (request.method !== "POST") {
      this.questions++;
      const models = '{"object":"list","data":[{"id":"small","object":"model"}]}';
      response.end(request.url === "/v1/models" ? models : "{}");
      return;
    }
    this.requests++;
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let i = 0; i < FRAMES; i++) {
      await sleep(PAUSE_MS);
      response.write(`data: {"pod":"${this.name}","choices":[]}\n\n`);
    }
    response.end("data: [DONE]\n\n");
  }
}

/** What a stream of that pod looks like, whole. */
export function streamOf(name: string): string {
  return `${`data: {"pod":"${name}","choices":[]}\n\n`.repeat(FRAMES)}data: [DONE]\n\n`;
}
