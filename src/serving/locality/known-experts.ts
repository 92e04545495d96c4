import { ExpertRows } from "../../core/load/expert-rows.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { hashText } from "../../routing/block-hashes.ts";
import type { ExpertSignature } from "../../routing/locality/locality-router.ts";
import type { SignatureShape } from "../../routing/locality/signature-shape.ts";
import { applicationKey, tenantKey } from "../affinity/request-kind.ts";
import type { RequestFacts } from "../request/request-facts.ts";

/**
 * What a request's experts are known from, the nearest first: an earlier prompt that this one begins with (an earlier
 * turn), earlier prompts of the tenant that begin alike, its session, its tenant.
 */
export const SOURCES = ["turns", "prefix", "session", "tenant"] as const;
export type Source = (typeof SOURCES)[number];

/** What a wider source says of a nearer one counts as so many of the nearer one's own tokens. */
const PRIOR_TOKENS = 64;
/** Of a prompt, counted from its end: an earlier turn is sought among these. */
const MOST_BLOCKS = 256;
/** Rows that one request needs, and nobody's. */
const LEAST_ROWS = SOURCES.length + 1;
const NONE = 0;

/** By which a request's experts are found; 0 for none. */
export type Keys = Readonly<Record<Source, number>>;

export interface Known {
  /** Null where nothing is known. */
  readonly source: Source | null;
  readonly signature: ExpertSignature | null;
}

export const NOTHING_KNOWN: Known = { source: null, signature: null };

/** The experts that earlier requests used, by what later ones have in common with them. */
export class KnownExperts {
  readonly #shape: SignatureShape;
  readonly #rows: ExpertRows<number>;

  /** @throws RangeError when `maxBytes` hold less than one request needs */
  constructor(shape: SignatureShape, maxBytes: number) {
    this.#shape = shape;
    this.#rows = new ExpertRows(shape.layers.length, shape.experts, maxBytes, LEAST_ROWS);
  }

  /** Turns, prefixes, sessions and tenants that something is known of. */
  get kinds(): number {
    return this.#rows.used;
  }

  /** Of one that is about to be sent. */
  of(facts: RequestFacts): Known {
    const rows = this.#rows;
    const keys = keysOf(facts);
    const found: Readonly<Record<Source, number>> = {
      turns: this.#turn(facts.prefix),
      prefix: keys.prefix === NONE ? -1 : rows.find(keys.prefix),
      session: keys.session === NONE ? -1 : rows.find(keys.session),
      tenant: keys.tenant === NONE ? -1 : rows.find(keys.tenant),
    };
    const source = SOURCES.find((one) => found[one] >= 0);
    if (source === undefined) return NOTHING_KNOWN;
    const mix = new Float32Array(this.#shape.width);
    let evidence = 0;
    for (const one of SOURCES.toReversed()) {
      const row = found[one];
      if (row < 0) continue;
      const [counts, tokens] = [rows.counts(row), rows.tokens(row)];
      const prior = Math.min(PRIOR_TOKENS, evidence);
      const part = 1 / (tokens + prior);
      for (let i = 0; i < mix.length; i++) mix[i] = part * (prior * mix[i] + counts[i]);
      evidence = tokens + prior;
    }
    return { source, signature: { mix, tokens: evidence } };
  }

  /** Tokens of a request, at the shape's layers. */
  observe(keys: Keys, routing: RoutingTrace): void {
    for (const source of SOURCES)
      if (keys[source] !== NONE) this.#rows.add(this.#rows.use(keys[source]), routing);
  }

  /** The same of a request that another process has had. */
  hear(keys: Keys, { mix, tokens }: ExpertSignature): void {
    for (const source of SOURCES)
      if (keys[source] !== NONE) this.#rows.addMix(this.#rows.use(keys[source]), mix, tokens);
  }

  /** The longest earlier prompt that it begins with; −1 for none. */
  #turn(prefix: Uint32Array): number {
    const blocks = prefix.length / 2;
    const last = Math.max(1, blocks - MOST_BLOCKS);
    for (let block = blocks - 1; block >= last; block--) {
      const row = this.#rows.find(blockKey(prefix, block));
      if (row >= 0) return row;
    }
    return -1;
  }
}

export function keysOf({ prefix, tenant, session }: RequestFacts): Keys {
  const ofTenant = tenantKey(tenant);
  const blocks = prefix.length / 2;
  return {
    // A prompt of one block is told by that.
    turns: blocks > 1 ? blockKey(prefix, blocks - 1) : NONE,
    prefix: applicationKey(ofTenant, prefix),
    session: session === null ? NONE : -1 - hashText(session),
    tenant: ofTenant === 0 ? NONE : -1 - 2 ** 32 - ofTenant,
  };
}

/** Of 53 bits, with another form than an application's. */
function blockKey(prefix: Uint32Array, block: number): number {
  return -(2 ** 34) - prefix[2 * block] * 2 ** 19 - (prefix[2 * block + 1] >>> 13);
}
