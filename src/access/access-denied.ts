/**
 * Why nobody is believed: no such key; it has expired; a token that is not valid; a valid key or token that may not do
 * this; the issuer's keys cannot be had; too many tokens are looked into at once.
 */
export type DenialReason =
  | "invalid_api_key"
  | "key_expired"
  | "invalid_token"
  | "not_permitted"
  | "keys_unreachable"
  | "overloaded";

/** Who asks is not known, or may not. The message holds nothing of what was shown. */
export class AccessDenied extends Error {
  override readonly name = "AccessDenied";
  readonly reason: DenialReason;

  constructor(reason: DenialReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
