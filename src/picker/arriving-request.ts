import type { Identity } from "../access/identity.ts";
import { type BodyTerms, CollectedBody } from "../http/collected-body.ts";
import { encodingFault } from "../http/content-encoding.ts";
import { HttpError } from "../http/errors.ts";
import { FactsReader } from "../http/read-facts.ts";
import type { Reading } from "../http/reading-turns.ts";
import type { OriginReader } from "../http/request-origin.ts";
import type { EngineRequest } from "../serving/engine.ts";
import { InvalidRequest } from "../serving/refusals.ts";
import { mayNameResponse } from "../serving/request/api-routes.ts";
import type { RequestFacts } from "../serving/request/request-facts.ts";
import { unreadFacts } from "../serving/request/unread-facts.ts";
import type { CameWith } from "./pick-answer.ts";
import { type RequestHead, sentRequest } from "./request-head.ts";

/** How bodies are taken, those of HTTP's requests with them. */
export interface ArrivalTerms extends Pick<BodyTerms, "limitBytes" | "memory" | "turns"> {
  /** How long a body may take to arrive. */
  readonly timeoutMs: number;
}

/** A route of which nothing is read. */
const UNKNOWN = { path: "", body: "none" } as const;

const UNREAD =
  "A request for stored responses is not let through unread: the gateway needs its body and route.";

/** A request while it comes, part by part: what is held of its body, and what routing reads of it. */
export class ArrivingRequest {
  readonly head: RequestHead;
  #reader = new FactsReader(UNKNOWN, {});
  #body: CollectedBody | null = null;
  #late: NodeJS.Timeout | null = null;
  /** Who sends it; null where nobody has to show it. */
  #identity: ReturnType<OriginReader["identify"]> = null;
  /** As it came. */
  #original: Buffer | null = null;
  #hasTrailers = false;

  constructor(head: RequestHead) {
    this.head = head;
  }

  /** Finds out who sends it. @throws AccessDenied */
  identify(origins: OriginReader): void {
    this.#identity = origins.identify(this.head.byName);
    // It is waited for once all is there; until then nobody is.
    if (this.#identity instanceof Promise) this.#identity.catch(() => {});
  }

  /** Null where that is known; else resolves when it is, or rejects with AccessDenied. */
  identified(): Promise<void> | null {
    return this.#identity instanceof Promise ? this.#await(this.#identity) : null;
  }

  async #await(identity: Promise<Identity>): Promise<void> {
    this.#identity = await identity;
  }

  /**
   * Its body follows.
   * @param refused called at most once: it is too long, late, or there is no memory for it
   * @throws HttpError for one that is not taken
   */
  expectBody(terms: ArrivalTerms, source: Reading, refused: (error: unknown) => void): void {
    const { byName, route } = this.head;
    const announced = Number(byName["content-length"] ?? 0);
    const encoded = route === null ? null : encodingFault(byName);
    const fault = encoded ?? CollectedBody.excess(announced, terms.limitBytes);
    if (fault !== null) throw fault;
    this.#reader = new FactsReader(route ?? UNKNOWN, byName);
    this.#body = new CollectedBody({ ...terms, reader: this.#reader.body }, announced, source, refused);
    this.#late = setTimeout(
      () => refused(new HttpError("request_timeout", "The request took too long to arrive.")),
      terms.timeoutMs,
    );
  }

  /** @param chunk is kept */
  take(chunk: Buffer): void {
    if (chunk.length > 0) this.#body?.take(chunk);
  }

  /** All of it is there. @returns false where it was refused */
  end(hasTrailers: boolean): boolean {
    this.#inTime();
    this.#hasTrailers = hasTrailers;
    if (this.#body !== null) this.#original = this.#body.end();
    return this.#body === null || this.#original !== null;
  }

  /**
   * What is known of it, once `identified`, and what an engine is to be sent.
   * @param anyModel of a request that is sent to whatever server can take it, since nothing of it is read
   * @throws InvalidRequest, also where it might name another client's response, unread
   */
  read(
    origins: OriginReader,
    anyModel: () => string | null,
  ): { readonly facts: RequestFacts; readonly request: EngineRequest } {
    const identity = this.#identity instanceof Promise ? null : this.#identity;
    const origin = origins.read(this.head.byName, identity);
    const { route, id, target } = this.head;
    const isUnread = route === null || (route.body !== "none" && this.#original === null);
    if (isUnread && origin.owner !== null && mayNameResponse(target)) throw new InvalidRequest(UNREAD, null);
    const facts = isUnread
      ? unreadFacts(origin, anyModel(), null, 0, this.#original)
      : this.#reader.facts(origin, id, route.body === "none" ? null : this.#original);
    return { facts, request: sentRequest(this.head, facts.body, facts.fields, origins.endsKeys) };
  }

  /** What goes back to the proxy. */
  get came(): CameWith {
    return { body: this.#original, trailers: this.#hasTrailers };
  }

  /** Nothing of it is needed any more. Harmless when repeated. */
  release(): void {
    this.#inTime();
    this.#body?.held.release();
    this.#original = null;
  }

  #inTime(): void {
    if (this.#late !== null) clearTimeout(this.#late);
    this.#late = null;
  }
}
