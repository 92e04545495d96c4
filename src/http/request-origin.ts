import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Config } from "../config/config.ts";
import { MOST_PRIORITY } from "../config/settings-schema.ts";
import { ANONYMOUS, type Origin } from "../serving/request/request-facts.ts";
import { RANK_HEADER } from "../model/request-headers.ts";

/** Tenants known by their key alone have names of this length. */
const NAME_LENGTH = 12;
/** Keys whose names are remembered. */
const MOST_KEYS = 4096;
/** A longer key is hashed each time it comes. */
const LONGEST_KEY = 256;
const LONGEST_NAME = 128;

/** Reads from the headers who asks: the tenant by its header, else by a hash of its API key, else `anonymous`. */
export class OriginReader {
  readonly #tenancy: Config["tenancy"];
  readonly #nameOf = new Map<string, string>();

  constructor(tenancy: Config["tenancy"]) {
    this.#tenancy = tenancy;
  }

  read(headers: IncomingHttpHeaders): Origin {
    const { header, sessionHeader, priorityHeader } = this.#tenancy;
    const key = headers.authorization ?? text(headers, "x-api-key");
    const asked = priorityHeader === null ? 0 : Number(text(headers, priorityHeader) ?? 0);
    const rank = Number(text(headers, RANK_HEADER) ?? -1);
    return {
      tenant:
        (header === null ? null : text(headers, header)) ?? (key === null ? ANONYMOUS : this.#name(key)),
      priority: Number.isInteger(asked) ? Math.max(-MOST_PRIORITY, Math.min(MOST_PRIORITY, asked)) : 0,
      session: sessionHeader === null ? null : text(headers, sessionHeader),
      rank: Number.isInteger(rank) && rank >= 0 ? rank : -1,
    };
  }

  /** The key itself is never shown or stored. */
  #name(key: string): string {
    const known = this.#nameOf.get(key);
    if (known !== undefined) return known;
    const name = `key-${createHash("sha256").update(key).digest("hex").slice(0, NAME_LENGTH)}`;
    if (key.length > LONGEST_KEY) return name;
    if (this.#nameOf.size >= MOST_KEYS) this.#nameOf.clear();
    this.#nameOf.set(key, name);
    return name;
  }
}

function text(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  const first = Array.isArray(value) ? value[0] : value;
  if (first === undefined || first === "") return null;
  // Written anew: a part of a text keeps the whole in memory.
  return first.length <= LONGEST_NAME ? first : Buffer.from(first.slice(0, LONGEST_NAME)).toString();
}
