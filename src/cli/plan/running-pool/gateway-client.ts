import { InputError } from "../../../lib/errors.ts";
import { type Shape, Unreadable } from "../../../lib/shape.ts";

/** A state of thousands of shards, or a placement of the largest pool, fits in. */
const MOST_BYTES = 64 << 20;
const TIMEOUT_MS = 15_000;

/** Asks a running gateway what it publishes to operators. */
export class GatewayClient {
  readonly url: URL;
  readonly #headers: Record<string, string>;

  readonly #flag: string;

  /**
   * @param key  the operators'; null to ask without
   * @param flag what named the URL
   */
  constructor(url: URL, key: string | null, flag = "--pool") {
    this.url = url;
    this.#flag = flag;
    this.#headers = key === null ? {} : { authorization: `Bearer ${key}` };
  }

  /** @throws InputError in one line: nobody there, a key that is wanted, no gateway */
  async json<T>(path: string, shape: Shape<T>, signal: AbortSignal): Promise<T> {
    const text = await this.text(path, signal);
    try {
      return shape(JSON.parse(text), "");
    } catch (error) {
      if (error instanceof Unreadable || error instanceof SyntaxError)
        throw this.#fault(`answers ${path} with what no gateway of this version does (${error.message})`);
      throw error;
    }
  }

  async text(path: string, signal: AbortSignal): Promise<string> {
    const response = await this.#get(path, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
    const bytes = await this.#whole(path, response);
    return new TextDecoder().decode(bytes);
  }

  /** The body of an answer that has no end. */
  async stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#get(path, signal);
    if (body === null) throw this.#fault(`answers ${path} with nothing`);
    return body;
  }

  async #get(path: string, signal: AbortSignal): Promise<Response> {
    const at = new URL(this.url.pathname.replace(/\/+$/, "") + path, this.url);
    let response: Response;
    try {
      response = await fetch(at, { headers: this.#headers, signal, redirect: "error" });
    } catch (error) {
      throw this.#unreached(error, signal);
    }
    if (response.ok) return response;
    const reason = reasonOf(await response.text().catch(() => ""));
    if (response.status === 401)
      throw this.#fault(
        "wants the key of operators, or another one; name the variable that holds it with --key-env",
      );
    if (response.status === 403)
      throw this.#fault(`answers no operator from here: ${reason}; ask on its own machine, or give it a key`);
    if (response.status === 404) throw this.#fault(`has no ${path}; expected a Plimsoll gateway (${reason})`);
    throw this.#fault(`answered ${path} with ${response.status}: ${reason}`);
  }

  async #whole(path: string, { body }: Response): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      const read: AsyncIterable<Uint8Array> | Uint8Array[] = body ?? [];
      for await (const chunk of read) {
        length += chunk.length;
        if (length > MOST_BYTES) break;
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#unreached(error, null);
    }
    if (length <= MOST_BYTES) return Buffer.concat(chunks);
    throw this.#fault(`answers ${path} with more than ${MOST_BYTES >> 20} MiB; expected a Plimsoll gateway`);
  }

  /** Whoever asked to stop is told so. */
  #unreached(error: unknown, signal: AbortSignal | null): Error {
    if (error instanceof DOMException && error.name === "AbortError") return error;
    if (signal?.aborted === true && signal.reason instanceof Error && signal.reason.name === "AbortError")
      return signal.reason;
    return this.#fault(`cannot be reached (${causeOf(error)}); expected a running gateway`);
  }

  #fault(hint: string): InputError {
    return new InputError(this.#flag, this.url.origin, hint);
  }
}

function reasonOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } };
    if (typeof error?.message === "string") return error.message;
  } catch {
    return "no JSON";
  }
  return "no reason";
}

/** The system's word for it. */
function causeOf(error: unknown): string {
  const { cause, name, message } = error as {
    readonly cause?: Partial<NodeJS.ErrnoException>;
    readonly name?: string;
    readonly message?: string;
  };
  return String(cause?.code ?? cause?.message ?? (name === "Error" ? message : name));
}
