/** Which part of a pool's requests a server is to get, as far as what it was found by says. */
export interface ServerPart {
  /** Over 0 to 1: beside those of its tier. */
  readonly weight: number;
  /** Servers of a higher one are for what those below cannot take; 0 to 255. */
  readonly tier: number;
}

export const EQUAL_PART: ServerPart = { weight: 1, tier: 0 };
