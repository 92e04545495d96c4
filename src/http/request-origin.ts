import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Access } from "../access/access.ts";
import { AccessDenied } from "../access/access-denied.ts";
import type { Identity } from "../access/identity.ts";
import type { Config } from "../config/config.ts";
import { MOST_PRIORITY } from "../config/tenant-limits.ts";
import { ANONYMOUS, type Origin } from "../serving/request/request-facts.ts";
import { RANK_HEADER } from "../model/request-headers.ts";

/** Tenants known by their key alone have names of this length. */
const NAME_LENGTH = 12;
/** Keys whose names are remembered. */
const MOST_KEYS = 4096;
/** A longer key is hashed each time it comes. */
const LONGEST_KEY = 256;
const LONGEST_NAME = 128;

/** Priorities of tenants, as the configuration has them. */
type Priorities = Pick<Config["admission"], "tenant" | "tenants">;

/**
 * Reads from the headers who asks. Where clients have to show keys or tokens, these say the tenant; else its header does,
 * else a hash of the client's API key, else it is `anonymous`.
 */
export class OriginReader {
  readonly #tenancy: Config["tenancy"];
  readonly #access: Access;
  #priorities: Priorities;
  readonly #nameOf = new Map<string, string>();

  constructor(tenancy: Config["tenancy"], access: Access, priorities: Priorities) {
    this.#tenancy = tenancy;
    this.#access = access;
    this.#priorities = priorities;
  }

  /** Other priorities from now on. */
  update(priorities: Priorities): void {
    this.#priorities = priorities;
  }

  /** Whether clients have to show a key or a token, which then ends here. */
  get endsKeys(): boolean {
    return this.#access.asksClients;
  }

  /**
   * Who sends a request: null where nobody has to show it. At once, but for a token that is new.
   * @throws AccessDenied, or rejects with one
   */
  identify(headers: IncomingHttpHeaders): Identity | Promise<Identity> | null {
    if (!this.#access.asksClients) return null;
    const identity = this.#access.identify(headers);
    return identity instanceof Promise ? identity.then(asClient) : asClient(identity);
  }

  read(headers: IncomingHttpHeaders, identity: Identity | null): Origin {
    const { sessionHeader, priorityHeader } = this.#tenancy;
    const tenant = identity === null ? this.#named(headers) : identity.tenant;
    const asked = priorityHeader === null ? null : text(headers, priorityHeader);
    const rank = Number(text(headers, RANK_HEADER) ?? -1);
    return {
      tenant,
      priority: asked === null ? this.#priorityOf(tenant) : priorityIn(asked),
      session: sessionHeader === null ? null : text(headers, sessionHeader),
      rank: Number.isInteger(rank) && rank >= 0 ? rank : -1,
      models: identity === null ? null : identity.models,
      owner: identity === null ? null : identity.tenant,
    };
  }

  #priorityOf(name: string): number {
    const { tenant, tenants } = this.#priorities;
    return (Object.hasOwn(tenants, name) ? tenants[name] : tenant).priority;
  }

  #named(headers: IncomingHttpHeaders): string {
    const { header } = this.#tenancy;
    const named = header === null ? null : text(headers, header);
    if (named !== null) return named;
    const key = headers.authorization ?? text(headers, "x-api-key");
    return key === null ? ANONYMOUS : this.#name(key);
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

/** @throws AccessDenied */
function asClient(identity: Identity): Identity {
  if (identity.isClient) return identity;
  throw new AccessDenied("not_permitted", "This key or token is none of a client's; it may not ask models.");
}

function priorityIn(asked: string): number {
  const priority = Number(asked);
  return Number.isInteger(priority) ? Math.max(-MOST_PRIORITY, Math.min(MOST_PRIORITY, priority)) : 0;
}

function text(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  const first = Array.isArray(value) ? value[0] : value;
  if (first === undefined || first === "") return null;
  // Written anew: a part of a text keeps the whole in memory.
  return first.length <= LONGEST_NAME ? first : Buffer.from(first.slice(0, LONGEST_NAME)).toString();
}
