import type { Clock } from "../lib/clock.ts";
import { AccessDenied } from "./access-denied.ts";
import type { Identity } from "./identity.ts";

/** Tokens that are remembered; beyond them the longest known are forgotten. */
const MOST_KNOWN = 4096;
/** Tokens that are verified at once, each beside the event loop. */
const MOST_VERIFIED = 256;
/** A token is verified again so often: its issuer may have withdrawn the key that signed it. */
const AGAIN_MS = 600_000;

interface Known {
  readonly identity: Identity;
  readonly untilMs: number;
}

/** Tokens that were found good, by their hash, until they expire. Of bad ones nothing is kept. */
export class KnownTokens {
  readonly #wallClock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #verifying = new Map<string, Promise<Identity>>();

  constructor(wallClock: Clock) {
    this.#wallClock = wallClock;
  }

  /** @param verify rejects with AccessDenied @throws AccessDenied where too many are verified at once */
  of(digest: string, verify: () => Promise<Identity>): Identity | Promise<Identity> {
    const known = this.#known.get(digest);
    if (known !== undefined) {
      if (known.untilMs > this.#wallClock.now()) return known.identity;
      this.#known.delete(digest);
    }
    const before = this.#verifying.get(digest);
    if (before !== undefined) return before;
    if (this.#verifying.size >= MOST_VERIFIED)
      throw new AccessDenied("overloaded", "Too many new tokens are being verified; try again.");
    const verified = this.#verified(digest, verify);
    this.#verifying.set(digest, verified);
    return verified;
  }

  async #verified(digest: string, verify: () => Promise<Identity>): Promise<Identity> {
    try {
      const identity = await verify();
      const untilMs = Math.min(identity.expiresMs, this.#wallClock.now() + AGAIN_MS);
      this.#known.set(digest, { identity, untilMs });
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= MOST_KNOWN) break;
        this.#known.delete(oldest);
      }
      return identity;
    } finally {
      this.#verifying.delete(digest);
    }
  }
}
