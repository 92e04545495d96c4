import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { Client } from "undici";
import type { OtlpTarget } from "../../config/telemetry-config.ts";
import type { Losses } from "./outage.ts";

const gzipped = promisify(gzip);

/** The pause before a batch is sent again; it doubles. */
const FIRST_PAUSE_MS = 500;
/** With these a collector refuses for now (OTLP/HTTP, "Retryable Response Codes"). */
const REFUSES_FOR_NOW = new Set([429, 502, 503, 504]);
const CONTENT_TYPES = { protobuf: "application/x-protobuf", json: "application/json" };

const STOPPED = "the gateway stopped before they were taken";

/** Of a good answer so much is read: it says what was rejected. */
const MOST_ANSWER_BYTES = 65_536;
const MILLISECONDS = 1000;

interface Answer {
  /** 0 where there was none. */
  readonly status: number;
  /** A clause for a person. */
  readonly what: string;
  /** What it asks to wait before the next try; 0 for nothing. */
  readonly waitMs: number;
  readonly body: Uint8Array;
}

/**
 * Sends batches to one address of a collector: OTLP over HTTP. A batch that is refused for now, or meets nobody, is sent
 * again until its time is over. Whoever sends keeps what waits within bounds.
 *
 * It asks as engines are asked, by undici: Node's own client shares its code with Node's server, which V8 then compiles
 * for both, and every request that comes in would cost more from the first batch on.
 */
export class OtlpSender {
  readonly #target: OtlpTarget;
  readonly #losses: Losses;
  readonly #rejectedIn: (answer: Uint8Array) => unknown;
  readonly #client: Client;
  readonly #path: string;
  readonly #pauses = new Map<NodeJS.Timeout, () => void>();
  #closed = false;

  /** @param rejectedIn how much of a batch a good answer says was not taken after all: a number, in JSON also as text */
  constructor(target: OtlpTarget, losses: Losses, rejectedIn: (answer: Uint8Array) => unknown = () => 0) {
    this.#target = target;
    this.#losses = losses;
    this.#rejectedIn = rejectedIn;
    const { origin, pathname, search } = new URL(target.url);
    this.#path = pathname + search;
    const { ca = null, cert = null, key = null } = target.tls ?? {};
    this.#client = new Client(origin, {
      connect: {
        ...(ca === null ? {} : { ca }),
        ...(cert === null || key === null ? {} : { cert, key }),
      },
    });
  }

  /**
   * @param body a request in the target's encoding
   * @param count of what is in it
   * @returns whether it was accepted; never rejects
   */
  async send(body: Uint8Array, count: number): Promise<boolean> {
    const endMs = performance.now() + this.#target.timeoutMs;
    for (let pauseMs = FIRST_PAUSE_MS; !this.#closed; pauseMs *= 2) {
      const answer = await this.#ask(body, endMs - performance.now()).catch(noAnswer);
      const { status, what, waitMs } = answer;
      if (isGood(status)) {
        const rejected = this.#rejectedOf(answer);
        if (rejected > 0) this.#losses.lost(rejected, "it rejects some of a batch");
        else this.#losses.taken();
        return true;
      }
      const forNow = status === 0 || REFUSES_FOR_NOW.has(status);
      const nextMs = Math.max(pauseMs, waitMs);
      if (forNow && !this.#closed && performance.now() + nextMs < endMs) {
        await this.#pause(nextMs);
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
    void this.#client.destroy();
    for (const goOn of this.#pauses.values()) goOn();
  }

  /** An answer in another encoding says nothing. */
  #rejectedOf({ body }: Answer): number {
    try {
      return Number(this.#rejectedIn(body) ?? 0);
    } catch {
      return 0;
    }
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
    const { headers, gzip: packs, encoding } = this.#target;
    const bytes = packs ? await gzipped(body) : body;
    if (this.#closed) throw new Error(STOPPED);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("it does not answer")), Math.max(1, leftMs));
    try {
      const answer = await this.#client.request({
        method: "POST",
        path: this.#path,
        headers: {
          ...headers,
          ...(packs ? { "content-encoding": "gzip" } : {}),
          "content-type": CONTENT_TYPES[encoding],
        },
        body: bytes,
        signal: late.signal,
      });
      const status = answer.statusCode;
      const seconds = Number(answer.headers["retry-after"] ?? 0);
      const waitMs = seconds > 0 ? seconds * MILLISECONDS : 0;
      return { status, what: `it answers ${status}`, waitMs, body: await beginningOf(answer.body) };
    } finally {
      clearTimeout(timer);
    }
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

/** What breaks off has said that much. */
async function beginningOf(answer: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer) {
      length += chunk.length;
      if (length > MOST_ANSWER_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    // Its status has come.
  }
  return Buffer.concat(chunks);
}

/** Node's error of a name with several addresses has a code and no message. */
function noAnswer(error: NodeJS.ErrnoException): Answer {
  const what = error.message === "" ? (error.code ?? "no answer") : error.message;
  return { status: 0, what, waitMs: 0, body: NOTHING };
}

const NOTHING = new Uint8Array(0);
