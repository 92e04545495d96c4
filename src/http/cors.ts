import type { IncomingHttpHeaders } from "node:http";
import type { HeaderList } from "../serving/engine.ts";

const NONE: HeaderList = [];
const MAX_AGE_SECONDS = "600";

/** Whether a browser asks if a page may send a request (fetch.spec.whatwg.org, "CORS-preflight request"). */
export function isPreflight(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined && headers["access-control-request-method"] !== undefined;
}

/** The headers that say to browsers which pages may call the API. */
export class Cors {
  readonly #any: boolean;
  readonly #origins: ReadonlySet<string>;
  /** Whether the gateway sends them; else the engines do. */
  readonly on: boolean;

  /** @param origins `*` among them for any; null to leave it to the engines */
  constructor(origins: string | readonly string[] | null) {
    const list = typeof origins === "string" ? [origins] : (origins ?? []);
    this.on = origins !== null;
    this.#any = list.includes("*");
    this.#origins = new Set(list);
  }

  /** The headers of every answer, names and values in turn. */
  headers({ origin }: IncomingHttpHeaders): HeaderList {
    if (!this.on) return NONE;
    if (this.#any) return ["access-control-allow-origin", "*", "access-control-expose-headers", "*"];
    // A cache must not keep the answer to one origin for another.
    if (origin === undefined || !this.#origins.has(origin)) return ["vary", "origin"];
    return ["vary", "origin", "access-control-allow-origin", origin, "access-control-expose-headers", "*"];
  }

  /** The headers that answer a preflight; without an allowed origin the browser takes it for a refusal. */
  preflight(headers: IncomingHttpHeaders, methods: string): HeaderList {
    const allowed = this.headers(headers);
    if (!allowed.includes("access-control-allow-origin")) return allowed;
    const asked = headers["access-control-request-headers"];
    return [
      ...allowed,
      "access-control-allow-methods",
      methods,
      "access-control-max-age",
      MAX_AGE_SECONDS,
      // By name: `*` would leave out `authorization`.
      ...(asked === undefined ? [] : ["access-control-allow-headers", asked]),
    ];
  }
}
