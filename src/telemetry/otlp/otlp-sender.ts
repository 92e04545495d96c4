import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as askPlainly,
} from "node:http";
import { Agent as TlsAgent, request as askOverTls } from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { OtlpTarget } from "../../config/telemetry-config.ts";
import type { Losses } from "./outage.ts";

const gzipped = promisify(gzip);

/** The pause before a batch is sent again; it doubles. */
const FIRST_PAUSE_MS = 500;
/** With these a collector refuses for now (OTLP/HTTP, "Retryable Response Codes"). */
const REFUSES_FOR_NOW = new Set([429, 502, 503, 504]);
const CONTENT_TYPES = { protobuf: "application/x-protobuf", json: "application/json" };

const STOPPED = "the gateway stopped before they were taken";

interface Answer {
  /** 0 where there was none. */
  readonly status: number;
  /** A clause for a person. */
  readonly what: string;
}

/**
 * Sends batches to one address of a collector: OTLP over HTTP. A batch that is refused for now, or meets nobody, is sent
 * again until its time is over. Whoever sends keeps what waits within bounds.
 */
export class OtlpSender {
  readonly #target: OtlpTarget;
  readonly #losses: Losses;
  readonly #agent: PlainAgent;
  readonly #asked = new Set<ClientRequest>();
  readonly #pauses = new Map<NodeJS.Timeout, () => void>();
  #closed = false;

  constructor(target: OtlpTarget, losses: Losses) {
    this.#target = target;
    this.#losses = losses;
    const { ca = null, cert = null, key = null } = target.tls ?? {};
    const files = {
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
    };
    this.#agent = isTls(target)
      ? new TlsAgent({ keepAlive: true, ...files })
      : new PlainAgent({ keepAlive: true });
  }

  /**
   * @param body a request in the target's encoding
   * @param count of what is in it
   * @returns whether it was accepted; never rejects
   */
  async send(body: Uint8Array, count: number): Promise<boolean> {
    const endMs = performance.now() + this.#target.timeoutMs;
    for (let pauseMs = FIRST_PAUSE_MS; !this.#closed; pauseMs *= 2) {
      const { status, what } = await this.#ask(body, endMs - performance.now()).catch(noAnswer);
      if (status >= 200 && status < 300) {
        this.#losses.taken();
        return true;
      }
      const forNow = status === 0 || REFUSES_FOR_NOW.has(status);
      if (forNow && !this.#closed && performance.now() + pauseMs < endMs) {
        await this.#pause(pauseMs);
        continue;
      }
      this.#losses.lost(count, this.#closed ? STOPPED : what);
      return false;
    }
    this.#losses.lost(count, STOPPED);
    return false;
  }

  /** Ends what is under way; nothing is sent any more. */
  close(): void {
    this.#closed = true;
    for (const asked of this.#asked) asked.destroy();
    for (const goOn of this.#pauses.values()) goOn();
    this.#agent.destroy();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const goOn = () => {
        clearTimeout(timer);
        this.#pauses.delete(timer);
        resolve();
      };
      const timer = setTimeout(goOn, ms);
      this.#pauses.set(timer, goOn);
    });
  }

  async #ask(body: Uint8Array, leftMs: number): Promise<Answer> {
    const { url, headers, gzip: packs, encoding } = this.#target;
    const bytes = packs ? await gzipped(body) : body;
    if (this.#closed) throw new Error(STOPPED);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const asked = (isTls(this.#target) ? askOverTls : askPlainly)(url, {
      method: "POST",
      agent: this.#agent,
      headers: {
        ...headers,
        ...(packs ? { "content-encoding": "gzip" } : {}),
        "content-type": CONTENT_TYPES[encoding],
        "content-length": bytes.length,
      },
    });
    this.#asked.add(asked);
    const late = setTimeout(() => asked.destroy(new Error("it does not answer")), Math.max(1, leftMs));
    asked.once("response", resolve);
    asked.on("error", reject);
    asked.once("close", () => {
      clearTimeout(late);
      this.#asked.delete(asked);
      reject(new Error("it closed the connection"));
    });
    asked.end(bytes);
    const answer = await promise;
    // What it says beside its status is for nobody.
    answer.on("error", () => {});
    answer.resume();
    const status = answer.statusCode ?? 0;
    return { status, what: `it answers ${status}` };
  }
}

function isTls({ url }: OtlpTarget): boolean {
  return url.startsWith("https:");
}

/** Node's error of a name with several addresses has a code and no message. */
function noAnswer(error: NodeJS.ErrnoException): Answer {
  return { status: 0, what: error.message === "" ? (error.code ?? "no answer") : error.message };
}
