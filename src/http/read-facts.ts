import type { IncomingHttpHeaders } from "node:http";
import { type ApiRoute, storesResponse } from "../serving/request/api-routes.ts";
import { FormScan, isForm } from "../serving/request/form-field.ts";
import {
  type Origin,
  type RequestFacts,
  TOKENS_PER_MEDIUM,
  requestFacts,
} from "../serving/request/request-facts.ts";
import { BodyScan } from "../serving/request/scan-body.ts";
import { unreadFacts } from "../serving/request/unread-facts.ts";
import type { BodyReader } from "./collected-body.ts";

/** What routing reads of one request, its body while it comes. */
export class FactsReader {
  readonly #isStored: boolean;
  readonly #scan: BodyScan | null;
  readonly #form: FormScan | null;

  constructor({ path, body: kind }: Pick<ApiRoute, "path" | "body">, headers: IncomingHttpHeaders) {
    this.#isStored = storesResponse(path);
    const type = headers["content-type"];
    this.#form = kind === "form" && isForm(type) ? new FormScan(type, "model") : null;
    this.#scan = kind === "none" || this.#form !== null ? null : new BodyScan();
  }

  /** Null where bodies are not looked into. */
  get body(): BodyReader | null {
    return this.#scan ?? this.#form;
  }

  /**
   * @param id of what the path names
   * @param body null where there is none
   * @throws InvalidRequest
   */
  facts(origin: Origin, id: string | null, body: Buffer | null): RequestFacts {
    if (body === null) return unreadFacts(origin, null, id, 0, null);
    if (this.#scan !== null) return requestFacts(body, origin, this.#scan.end(), this.#isStored);
    return unreadFacts(origin, this.#form?.end() || null, id, TOKENS_PER_MEDIUM, body);
  }
}
